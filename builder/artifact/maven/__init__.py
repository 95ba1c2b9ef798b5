"""A Maven repository in a folder, from which Gradle takes the AAR."""
