"""The container formats of models, read without trust."""
