"""`cache` and `source`: what builds keep, what is carried to other machines, and how."""
