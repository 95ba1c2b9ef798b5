"""The artifact: a deterministic archive of the runtime, its models and their provenance."""
