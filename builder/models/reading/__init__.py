"""From the records of a lite model to the `Model` that says what it asks of a runtime."""
