"""What is carried to other machines: projects that need no tool, and packs of objects."""
