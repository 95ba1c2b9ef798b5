"""What is generated for a plan, to the byte, and always the same."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.golden.tiny import render

HERE: Final = Path(__file__).parent
EXPECTED: Final = HERE / "expected"


@pytest.mark.parametrize("path", sorted(render()))
def test_generated_text(path: str, golden: Callable[[Path, str], None]) -> None:
    golden(EXPECTED / f"{path}.golden", render()[path])


def test_nothing_else_is_expected() -> None:
    found = {it.relative_to(EXPECTED).as_posix() for it in EXPECTED.rglob("*.golden")}
    assert found == {f"{path}.golden" for path in render()}


def test_generated_text_has_no_trace_of_the_checkout() -> None:
    root = str(HERE.parents[1])
    assert not [path for path, text in render().items() if root in text]


@pytest.mark.native
def test_the_text_does_not_depend_on_the_seed_of_hashes() -> None:
    one, other = (printed(seed) for seed in ("1", "2"))
    assert one == other
    assert one


def printed(seed: str) -> bytes:
    root = HERE.parents[1]
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "tests.golden.tiny"]
    return subprocess.run(command, env=env, cwd=root, capture_output=True, check=True).stdout
