"""The verify stage: run the models in the runtime that was built; compare with desktop torch."""

from builder.model import InputSpec
from builder.verify.compare import TOLERANCES, Difference, Tolerance, compare
from builder.verify.execution import Executor, find_executor, registered_operators
from builder.verify.running import RunResult, run_model

__all__ = [
    "TOLERANCES",
    "Difference",
    "Executor",
    "InputSpec",
    "RunResult",
    "Tolerance",
    "compare",
    "find_executor",
    "registered_operators",
    "run_model",
]
