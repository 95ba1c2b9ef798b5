"""What Android takes: an AAR for all ABIs of a build, with its symbols, and apps that hold it."""
