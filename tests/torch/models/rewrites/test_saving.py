"""Which form of a module is saved: the faster one, unless its file would be larger."""

from pathlib import Path

import torch
from torch import nn

from builder.models.conversion.rewrites import saving
from builder.models.conversion.rewrites.saving import choose
from builder.vocabulary.models import Rewrite
from tests.torch.models.rewrites.rewritten import TORCH, operators


class Sharing(nn.Module):
    """A bias that something else reads, too: packed, it is stored twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(1, 20_000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.body.bias * x.sum()


def saved(module: nn.Module, folder: Path, wish: Rewrite) -> saving.Saved:
    source = folder / "net.pt"
    TORCH.jit.script(module.eval()).save(str(source))
    script = TORCH.jit.load(str(source))
    return choose(source, script, wish, {"note": b"kept"}, folder / "net.ptl")


def test_a_file_that_would_grow_stays_as_it_is(tmp_path: Path) -> None:
    made = saved(Sharing(), tmp_path, Rewrite.AUTO)
    (note,) = made.notes
    assert note.startswith("not rewritten for speed: its file would grow by ")
    assert "prepacked::linear_clamp_run" not in operators(tmp_path / "net.ptl")


def test_files_that_ride_along_stay(tmp_path: Path) -> None:
    made = saved(nn.Linear(64, 64), tmp_path, Rewrite.AUTO)
    assert made.rewrites
    assert b"kept" in (tmp_path / "net.ptl").read_bytes()
    assert not (tmp_path / "net.faster").exists()


def test_nothing_is_tried_where_nothing_is_wished(tmp_path: Path) -> None:
    made = saved(nn.Linear(64, 64), tmp_path, Rewrite.OFF)
    assert (made.rewrites, made.notes) == ((), ())
    assert "aten::linear" in operators(tmp_path / "net.ptl")
