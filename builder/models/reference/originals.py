"""Models as their users exported them, ready to be called with the arguments an app gives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from builder.models.conversion.repairs.table import run_here
from builder.models.exported.writing.structure import places
from builder.models.prepacked.loading import load_lite, load_script


def load_original(path: Path, spec: Mapping[str, Any]) -> Any:  # noqa: ANN401  something to call
    """Load a model of the kind that the specification of its run says."""
    if spec.get("exported"):
        return _Exported(path)
    if spec.get("lite"):
        return load_lite(path)
    model = load_script(path)
    run_here(model)
    return model


class _Exported:
    """A torch.export program that takes the arguments with names after the others."""

    def __init__(self, path: Path) -> None:
        program: Any = torch.export.load(path)
        positional, named = places(program.call_spec.in_spec)
        self._module = program.module()
        self._count = len(positional)
        self._names = tuple(named)

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401
        given = dict(zip(self._names, arguments[self._count :], strict=True))
        return self._module(*arguments[: self._count], **given)
