"""The coverage models run in runtimes that hold all of them, and answer as desktop torch does."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.model import Abi
from tests.coverage.runs import build, run
from tests.coverage.suite import SUITES, prepare
from tests.e2e.real import EMULATORS, Tool

IN_CI: Final = (
    ("dense", Abi.X86_64),
    ("special", Abi.X86_64),
    *(("quick", abi) for abi in Abi if abi is not Abi.X86_64),
)
SLOW: Final = (
    ("dtypes", Abi.X86_64),
    ("quantized", Abi.X86_64),
    ("sparse", Abi.X86_64),
    *(("everything", abi) for abi in Abi),
)
"""Each takes a cold build of its own: a quarter of an hour, or more."""


@pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript and quantization
@pytest.mark.parametrize(
    ("suite", "abi"), [*IN_CI, *(pytest.param(*it, marks=pytest.mark.slow) for it in SLOW)]
)
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
