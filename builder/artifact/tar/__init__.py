"""The archive of one target: a `.tar.gz`, and the folder that it unpacks to."""
