"""Models that `optimize_for_mobile` made: read, run, kept as they are, and rewritten.

`tests/recorded/prepacked/make_prepacked.py` made the files.
"""

import re
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest
import torch

from builder.models.prepacked.loading import load_lite, load_script
from builder.models.reading.lite import read_lite
from tests.places import RECORDED
from tests.torch.models.rewrites.rewritten import TORCH, alike, convert, operators

FILES: Final = RECORDED / "prepacked"
X: Final = torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
RUNS: Final = {
    "prepacked::conv2d_clamp_run",
    "prepacked::conv2d_transpose_clamp_run",
    "prepacked::linear_clamp_run",
}


def expected() -> Any:
    """Return what the model answers that nobody has optimized."""
    with torch.inference_mode():
        return TORCH.jit.load(str(FILES / "plain.pt"))(X)


@pytest.mark.parametrize(
    "name", ["optimized.pt", "optimized.ptl", "nested.pt", "training.pt", "unfolded.pt"]
)
def test_desktop_torch_runs_packed_weights(name: str) -> None:
    with torch.inference_mode():
        alike(load_script(FILES / name)(X), expected())
        if name.endswith(".ptl"):
            alike(load_lite(FILES / name)(X), expected())


@pytest.mark.parametrize("name", ["optimized.pt", "nested.pt", "training.pt", "unfolded.pt"])
def test_packed_weights_stay_packed_where_nothing_is_rewritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / "net.ptl"
    assert not convert(FILES / name, path, "off")
    assert operators(path) >= RUNS
    assert "aten::contiguous" not in operators(path)
    with torch.inference_mode():
        alike(load_lite(path)(X), expected())


@pytest.mark.parametrize("name", ["optimized.pt", "optimized.ptl", "nested.pt", "unfolded.pt"])
def test_round_trips_between_layouts_vanish(tmp_path: Path, name: str) -> None:
    path = tmp_path / "net.ptl"
    changes = convert(FILES / name, path)
    with torch.inference_mode():
        alike(load_lite(path)(X), expected())
    told = [str(it) for it in changes.rewrites]
    assert "a value gets its channels last (once)" in told
    assert "a value gets its channels first again (once)" in told
    assert operators(path) == RUNS | {"aten::contiguous", "aten::mean.dim"}
    assert len(read_lite(path).classes) == len(RUNS)


def test_packed_weights_of_a_module_that_trains_stay_packed(tmp_path: Path) -> None:
    path = tmp_path / "net.ptl"
    changes = convert(FILES / "training.pt", path)
    (note,) = changes.notes
    assert "training mode" in note
    assert operators(path) >= RUNS
    with torch.inference_mode():
        alike(load_lite(path)(X), expected())


class Image(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.rand(4, 3, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(x, self.w)


@pytest.mark.parametrize("rewrite", ["off", "auto"])
def test_code_that_packs_parameters_has_no_packed_weights(tmp_path: Path, rewrite: str) -> None:
    model, packs, made = Image().eval(), tmp_path / "packs.pt", tmp_path / "packs.ptl"
    TORCH.jit.script(model).save(str(tmp_path / "plain.pt"))
    call = "ops.prepacked.conv2d_clamp_prepack(w, None, [1, 1], [0, 0], [1, 1], 1)"
    with ZipFile(tmp_path / "plain.pt") as plain, ZipFile(packs, "w") as packed:
        for name in plain.namelist():
            content = plain.read(name)
            if name.endswith(".py"):
                text, count = re.subn(
                    r"torch\.conv2d\(x, w\)", f"ops.prepacked.conv2d_clamp_run(x, {call})",
                    content.decode(),
                )  # fmt: skip
                assert count == 1
                content = text.encode()
            packed.writestr(name, content)
    convert(packs, made, rewrite)
    assert {it.partition("::")[0] for it in operators(made)} <= {"prepacked", "aten"}
    with torch.inference_mode():
        alike(load_script(packs)(X), model(X))
        alike(load_lite(made)(X), model(X))


def test_what_was_rewritten_can_be_rewritten_again(tmp_path: Path) -> None:
    """An artifact carries rewritten models, and may be built again from them."""
    first, second = tmp_path / "first.ptl", tmp_path / "second.ptl"
    convert(FILES / "plain.pt", first)
    convert(first, second)
    assert operators(second) == operators(first)
    with torch.inference_mode():
        alike(load_lite(second)(X), expected())
