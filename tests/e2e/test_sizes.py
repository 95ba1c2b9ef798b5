"""What reports say of sizes is what builds show: an operator costs what goes when it is dropped."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.documents import validate
from tests.e2e.real import AS_EXPORTED, Runtime, Tool, built

Make = Callable[[str, str], Runtime]

LOG: Final = logging.getLogger(__name__)
ABSOLUTE: Final = 4096
RELATIVE: Final = 0.05
"""How far a cost may be from what goes: bytes, or a part of it, whichever is more."""

QUICK: Final = [(AS_EXPORTED, 0), (AS_EXPORTED, 3)]
THOROUGH: Final = [
    (AS_EXPORTED, 1), (AS_EXPORTED, 2), (AS_EXPORTED, 4),
    ("lstm_text", 0), ("lstm_text", 1), ("quantized", 0), ("quantized", 1), ("quantized", 2),
]  # fmt: skip
"""Models, and which of their operators: 0 is the one that costs most alone."""

ONE_FILE: Final = ("aten::eq.str", "aten::gt.int", "aten::sub.int", "prim::TupleUnpack")
"""Operators that one constructor of upstream registers, each with a function of its own."""


def report_of(runtime: Runtime) -> Any:
    path = runtime.prefix / "share/build_runtime/size-report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    validate("size-report", report)
    return report


def without(runtime: Runtime, operator: str, tool: Tool, folder: Path) -> Runtime:
    """Build the selection of a runtime again, less one operator."""
    selection = runtime.prefix / "share/build_runtime/selected_operators.yaml"
    document = yaml.safe_load(selection.read_text(encoding="utf-8"))
    del document["operators"][operator]
    (folder / "less.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    words = ("less.yaml", "--abi", "x86_64", "--no-verify", "-o", folder / "dist", "--json")
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


@pytest.mark.parametrize(
    ("name", "rank"), [*QUICK, *(pytest.param(*it, marks=pytest.mark.slow) for it in THOROUGH)]
)
def test_an_operator_costs_what_goes_when_it_is_dropped(
    name: str, rank: int, runtime: Make, tool: Tool, tmp_path: Path
) -> None:
    model = runtime(name, "x86_64")
    cost = report_of(model)["operators"][rank]
    less = without(model, cost["name"], tool, tmp_path)
    gone = model.summary["library_bytes"] - less.summary["library_bytes"]
    LOG.info("%s: %s costs %d, %d bytes went", name, cost["name"], cost["alone"], gone)
    assert abs(gone - cost["alone"]) <= max(ABSOLUTE, RELATIVE * gone)


def test_large_operators_are_among_them(runtime: Make) -> None:
    costs = report_of(runtime(AS_EXPORTED, "x86_64"))["operators"]
    assert [it["alone"] > 20_000 for it in costs[:4]] == [True] * 4


@pytest.mark.parametrize("abi", ["arm64-v8a", "x86_64"])
def test_what_one_constructor_registers_is_told_apart(abi: str, tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text(yaml.safe_dump([*ONE_FILE]), encoding="utf-8")
    words = ("list.yaml", "--abi", abi, "--no-verify", "-o", tmp_path / "dist", "--json")
    (made,) = built(tool.run(*words, cwd=tmp_path), tmp_path / "dist")
    costs = {it["name"]: it["alone"] for it in report_of(made)["operators"]}
    LOG.info("%s: %s", abi, costs)
    assert costs.keys() == set(ONE_FILE)
    assert min(costs.values()) > 100, "the name alone has less than 40 bytes"


def test_the_page_lies_beside_the_report(runtime: Make, tool: Tool, tmp_path: Path) -> None:
    made = runtime(AS_EXPORTED, "x86_64")
    page = made.prefix / "share/build_runtime/size-report.html"
    printed = tool.run("report", made.archive, "--format", "html", cwd=tmp_path).stdout
    assert page.read_text(encoding="utf-8") == printed
    assert len(printed.encode()) < 2_000_000
