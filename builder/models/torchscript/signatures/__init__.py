"""What is known of operators: the types of values, schemas, and which overload comes first."""
