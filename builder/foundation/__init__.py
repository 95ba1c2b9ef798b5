"""The foundation: the doors to processes and files, settings, and what the user sees."""
