"""The composition: which stage follows which, and nothing of what they do."""

from builder.pipeline.planning import find_targets, make_plan, preflight, read_models, refuse_early
from builder.pipeline.proving import Subject, Wish, prove
from builder.pipeline.running import run
from builder.pipeline.values import Built, Events, Planned, Request

__all__ = [
    "Built",
    "Events",
    "Planned",
    "Request",
    "Subject",
    "Wish",
    "find_targets",
    "make_plan",
    "preflight",
    "prove",
    "read_models",
    "refuse_early",
    "run",
]
