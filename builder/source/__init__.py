"""The source stage: a pinned, checksummed LibTorch tree, by the first provider that has one."""

from builder.source.opening import open_source
from builder.source.pins import Archive, Pin, Release, pins
from builder.source.request import NoProgress, Progress, SourceProvider, SourceRequest

__all__ = [
    "Archive",
    "NoProgress",
    "Pin",
    "Progress",
    "Release",
    "SourceProvider",
    "SourceRequest",
    "open_source",
    "pins",
]
