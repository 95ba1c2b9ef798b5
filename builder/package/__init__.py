"""The artifact: a deterministic archive of the runtime, its models and their provenance."""

from builder.package.archive import StagedFile, write_archive
from builder.package.layout import Bundle, Contents, Licence, archive_name, package, stage
from builder.package.manifest import (
    BuildFacts,
    Check,
    ModelFile,
    Outcome,
    ResultFacts,
    Tolerance,
    describe_model,
    manifest,
)

__all__ = [
    "BuildFacts",
    "Bundle",
    "Check",
    "Contents",
    "Licence",
    "ModelFile",
    "Outcome",
    "ResultFacts",
    "StagedFile",
    "Tolerance",
    "archive_name",
    "describe_model",
    "manifest",
    "package",
    "stage",
    "write_archive",
]  # fmt: skip
