"""How repairs are applied: only where they are needed, and told."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.models.conversion.repairs.table import REPAIRS, repair
from builder.models.conversion.torchscript import read_model
from tests.places import ROOT
from tests.torch.models.repairs.converted import TORCH, Script, convert, loaded
from tests.torch.models.repairs.test_blocks import Nested
from tests.torch.models.test_read_model import MODELS


@pytest.mark.parametrize("make", MODELS)
def test_a_model_that_needs_no_repair_keeps_its_bytes(
    tmp_path: Path, make: Callable[[], Script]
) -> None:
    converted = convert(make(), tmp_path)
    assert converted.repairs == ()
    alone = tmp_path / "alone" / "net.ptl"
    alone.parent.mkdir()
    TORCH.jit.load(str(converted.original))._save_for_lite_interpreter(str(alone))
    assert converted.path.read_bytes() == alone.read_bytes()


def test_a_method_that_needs_no_repair_keeps_its_code(tmp_path: Path) -> None:
    script = loaded(TORCH.jit.script(Nested()), tmp_path)
    before = script.plain.code
    assert repair(script)
    assert script.plain.code == before


def test_repairs_arrive_with_the_model(tmp_path: Path, real: Host) -> None:
    TORCH.jit.script(Nested()).save(str(tmp_path / "net.pt"))
    model = read_model(tmp_path / "net.pt", real)
    assert [it.name for it in model.repairs] == ["blocks"]
    assert read_model(tmp_path / "net.pt", real).repairs == model.repairs


def test_the_documentation_has_every_repair() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    section = page.partition("### Repairs")[2].partition("\n##")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(name, it.says) for name, it in REPAIRS.items()]
