"""Other programs that run the same model: each in a child process that takes turns with ours."""
