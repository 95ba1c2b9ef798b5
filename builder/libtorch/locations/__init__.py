"""Where the kernel of each operator lives: the source file a person would open to read it."""
