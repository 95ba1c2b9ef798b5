"""The command line of each command: its words as frozen values, and what they ask for.

What answers loads inside the functions, so that help comes at once.
"""
