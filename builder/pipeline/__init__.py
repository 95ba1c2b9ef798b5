"""The composition: which stage follows which, and nothing of what they do."""

from builder.pipeline.planning import find_targets, make_plan
from builder.pipeline.proving import Subject, Wish, prove
from builder.pipeline.running import run
from builder.pipeline.values import Built, Events, Planned, Request
from builder.pipeline.wanted import (
    Wanted,
    pinned_problems,
    read_models,
    read_wanted,
    refuse_early,
)

__all__ = [
    "Built",
    "Events",
    "Planned",
    "Request",
    "Subject",
    "Wanted",
    "Wish",
    "find_targets",
    "make_plan",
    "pinned_problems",
    "prove",
    "read_models",
    "read_wanted",
    "refuse_early",
    "run",
]
