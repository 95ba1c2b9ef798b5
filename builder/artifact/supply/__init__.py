"""What an artifact says of its origin: what is in it, under which licences, and how it was made."""
