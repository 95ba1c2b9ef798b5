"""The build stage: compile what live sections need, link it, and learn from it."""

from builder.build.output import BuildOutput, BuildProgress
from builder.build.runtime import build_runtime
from builder.build.store import ObjectStore, open_store

__all__ = ["BuildOutput", "BuildProgress", "ObjectStore", "build_runtime", "open_store"]
