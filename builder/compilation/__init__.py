"""The build stage: compile what live sections need, link it, and learn from it."""
