"""What the coverage suite leaves out is what torch's own lite interpreter cannot do, or LAPACK."""

from pathlib import Path

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.pipeline.wanted import Wanted, refuse_early
from builder.source.request import SourceRequest
from builder.vocabulary.errors import ModelError
from tests.coverage.suite import DENSE, quietly, write
from tests.coverage.values import Coverage

LIMITS = {it.name: it for it in DENSE if it.missing}
REFUSALS = {
    "enumerations": "a value of .*Color: no lite interpreter reads it",
    "nested_named_tuples": "the type .*Point: no lite interpreter reads it",
}
LAPACK = [name for name, it in LIMITS.items() if it.missing == "LAPACK"]


@pytest.mark.parametrize("name", LIMITS.keys() - LAPACK)
def test_torch_itself_does_not_run_it_as_a_lite_model(name: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=LIMITS[name].missing):
        lite(LIMITS[name], tmp_path)


def lite(coverage: Coverage, folder: Path) -> object:
    path, module = write(coverage, folder)
    saved = str(folder / "saved.ptl")
    with quietly():
        module._save_for_lite_interpreter(saved)  # type: ignore[attr-defined]
        loaded = torch.jit.mobile._load_for_lite_interpreter(saved)  # type: ignore[no-untyped-call]
        return [loaded(*case) for case in coverage.cases()], path


@pytest.mark.parametrize("name", LIMITS)
def test_it_is_refused_before_anything_is_fetched(name: str, tmp_path: Path, real: Host) -> None:
    path, _ = write(LIMITS[name], tmp_path)
    with pytest.raises(ModelError, match=REFUSALS.get(name, "needs LAPACK, which is not linked")):
        refuse_early(Wanted((read_model(path, real),)), SourceRequest())
