"""The coverage models run in runtimes that hold all of them, and answer as desktop torch does."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.model import Abi
from tests.coverage.runs import build, run
from tests.coverage.suite import SUITES, prepare
from tests.e2e.real import EMULATORS, Tool

IN_CI: Final = {
    ("dense", "x86_64"), ("quantized", "x86_64"),
    ("quick", "arm64-v8a"), ("quick", "armeabi-v7a"), ("quick", "x86"),
}  # fmt: skip
"""The others are `slow`: each takes a cold build of its own, a quarter of an hour."""


def runs() -> list[object]:
    """Return every suite on every ABI; `quick` is for those that CI does not give the others."""
    every = [(suite, abi.value) for abi in Abi for suite in SUITES]
    return [
        pytest.param(*it, marks=() if it in IN_CI else pytest.mark.slow)
        for it in every
        if it[0] != "quick" or it in IN_CI
    ]


@pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript and quantization
@pytest.mark.parametrize(("suite", "abi"), runs())
def test_every_family_of_operators_answers_as_torch_does(
    suite: str, abi: str, tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    if abi in EMULATORS:
        require(EMULATORS[abi])
    wanted = SUITES[suite]
    prepared = prepare(tmp_path, wanted)
    runtime = build(tool, abi, prepared, tmp_path / "dist", all_dtypes=wanted.all_dtypes)
    failed = {it.coverage.name: found for it in prepared if (found := run(it, runtime, tmp_path))}
    assert not failed
    assert len(prepared) > 0.9 * len(wanted.models)  # the others need dtypes the suite has not
