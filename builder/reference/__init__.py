"""What desktop torch says a model answers: run in a child process, so that only it imports torch."""
