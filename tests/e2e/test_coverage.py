"""The coverage models run in runtimes that hold all of them, and answer as desktop torch does."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import pytest

from builder.selection import DEFAULT_DTYPES, KNOWN_DTYPES, QUANTIZED_DTYPES
from tests.coverage.runs import build, run
from tests.coverage.suite import MODELS, QUANTIZED, prepare
from tests.coverage.values import Coverage
from tests.e2e.real import EMULATORS, Tool

SLOW: Final = pytest.mark.slow
RUNS: Final = [
    pytest.param("float", "x86_64"),
    pytest.param("quantized", "x86_64"),
    *(
        pytest.param(suite, abi, marks=SLOW)
        for suite in ("float", "quantized")
        for abi in ("arm64-v8a", "armeabi-v7a", "x86")
    ),
    *(
        pytest.param("all dtypes", abi, marks=SLOW)
        for abi in ("x86_64", "arm64-v8a", "armeabi-v7a", "x86")
    ),
]
"""What takes a cold build of its own is `slow`."""


def models(suite: str) -> tuple[frozenset[str], Iterable[Coverage]]:
    """Return the dtypes a suite may use, and its models that can work."""
    if suite == "quantized":
        return DEFAULT_DTYPES | QUANTIZED_DTYPES, QUANTIZED
    dtypes = KNOWN_DTYPES if suite == "all dtypes" else DEFAULT_DTYPES
    return dtypes, [it for it in MODELS if not it.missing]


@pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript and quantization
@pytest.mark.parametrize(("suite", "abi"), RUNS)
def test_every_family_of_operators_answers_as_torch_does(
    suite: str, abi: str, tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    if abi in EMULATORS:
        require(EMULATORS[abi])
    prepared = prepare(tmp_path, *models(suite))
    runtime = build(tool, abi, prepared, tmp_path / "dist", all_dtypes=suite == "all dtypes")
    failed = {it.coverage.name: found for it in prepared if (found := run(it, runtime, tmp_path))}
    assert not failed
    assert len(prepared) > (8 if suite == "quantized" else 45)
