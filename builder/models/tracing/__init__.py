"""The trace stage: what a model really executes in desktop torch on given inputs."""
