"""The verify stage: what is in a runtime, what a model needs, and whether its answers are right."""
