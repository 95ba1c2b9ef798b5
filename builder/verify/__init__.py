"""The verify stage: what is in a runtime, what a model needs, and whether its answers are right."""

from builder.model import InputSpec, Limits
from builder.verify.artifact import Artifact, changed_files, open_artifact
from builder.verify.compare import (
    TOLERANCES,
    Comparison,
    Difference,
    Element,
    Tolerance,
    compare,
    tolerances,
)
from builder.verify.execution import Executor, find_executor, registered_operators
from builder.verify.junit import to_junit
from builder.verify.needs import unmet_needs
from builder.verify.running import RunResult, run_model
from builder.verify.verdicts import Outcome, Verdict, failures

__all__ = [
    "TOLERANCES",
    "Artifact",
    "Comparison",
    "Difference",
    "Element",
    "Executor",
    "InputSpec",
    "Limits",
    "Outcome",
    "RunResult",
    "Tolerance",
    "Verdict",
    "changed_files",
    "compare",
    "failures",
    "find_executor",
    "open_artifact",
    "registered_operators",
    "run_model",
    "to_junit",
    "tolerances",
    "unmet_needs",
]
