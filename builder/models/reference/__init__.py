"""What desktop torch says a model answers: run in a child process, so only that imports torch."""
