"""From a model as it was exported to the `.ptl` that a runtime loads."""
