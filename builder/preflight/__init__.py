"""Preflight: will the pinned source run these models? Told before anything is compiled."""

from builder.preflight.checks import find_problems
from builder.preflight.interpreter import Interpreter, read_interpreter
from builder.preflight.problems import Problem, Use, advice, refuse

__all__ = [
    "Interpreter",
    "Problem",
    "Use",
    "advice",
    "find_problems",
    "read_interpreter",
    "refuse",
]
