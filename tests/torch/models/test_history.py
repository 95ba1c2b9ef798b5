"""TorchScript of all file versions is read, checked and converted as `docs/formats.md` says."""

import importlib
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.reading.lite import read_lite
from tests.docs.pages import FORMATS, table
from tests.unit.models import forge, history
from tests.unit.models.test_history import passes

TORCH: Final[Any] = torch  # many of its functions have no types
MOBILE: Final[Any] = importlib.import_module("torch.jit.mobile")
INPUT: Final = torch.tensor(history.INPUT)
OUTPUT: Final = torch.tensor(history.OUTPUT)


@pytest.mark.parametrize("version", history.FILES)
def test_torchscript_is_read_checked_and_converted(
    version: int, real: Host, tmp_path: Path
) -> None:
    path = forge.write(tmp_path / "net.pt", history.torchscript(version))
    model = read_model(path, real)
    found, counts, names = MOBILE._load_for_lite_interpreter(str(model.path))(INPUT)
    _, *told = table(FORMATS, "file version")[str(version)]
    answers = torch.equal(found, OUTPUT) and (counts, names) == (history.COUNTS, history.NAMES)
    assert [True, passes(model), True, answers] == [it == "yes" for it in told]
    assert TORCH.jit.load(str(path))(INPUT)[1:] == (counts, names)


@pytest.mark.parametrize("version", [1, history.FRACTIONS - 1, history.FRACTIONS, 10])
def test_a_division_is_that_of_its_version(version: int, real: Host, tmp_path: Path) -> None:
    records = history.torchscript(version, history.DIVIDE)
    model = read_model(forge.write(tmp_path / "net.pt", records), real)
    found = MOBILE._load_for_lite_interpreter(str(model.path))(torch.tensor([3, -3]))
    assert found.tolist() == ([1, -1] if version < history.FRACTIONS else [1.5, -1.5])


@pytest.mark.parametrize("version", history.BYTECODES)
def test_torch_reads_the_lite_models_we_read(version: int, tmp_path: Path) -> None:
    path = forge.write(tmp_path / "net.ptl", history.lite(version))
    if version < history.SCHEMA:
        with pytest.raises(RuntimeError, match="version number does not match"):
            MOBILE._load_for_lite_interpreter(str(path))
    else:
        answer = MOBILE._load_for_lite_interpreter(str(path))(INPUT, history.NO_RAISE)
        assert torch.equal(answer, OUTPUT)


class Raises(torch.nn.Module):
    """Can raise, and calls what has had more and more arguments."""

    def forward(self, x: torch.Tensor, limit: int) -> torch.Tensor:
        if x.numel() > limit:
            message = f"more than {limit}"
            raise ValueError(message)
        half = torch.nn.functional.gelu(x) / 2
        return torch.einsum("ij,kj->ik", [half, x]).repeat_interleave(2)


@pytest.mark.parametrize("version", history.LOWERED)
def test_what_torch_lowers_is_checked(version: int, tmp_path: Path) -> None:
    whole, lowered = tmp_path / "whole.ptl", tmp_path / "net.ptl"
    TORCH.jit.script(Raises())._save_for_lite_interpreter(str(whole))
    assert MOBILE._backport_for_mobile(str(whole), str(lowered), version)
    model = read_lite(lowered)
    assert model.bytecode_version == version
    assert passes(model)


def test_bytecode_that_is_refused_can_be_saved_again(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "old.ptl", history.lite(3))
    new = tmp_path / "new.ptl"
    TORCH.jit.load(str(path))._save_for_lite_interpreter(str(new))
    assert passes(read_lite(new))
