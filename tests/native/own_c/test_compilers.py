"""Our C means the same to every compiler: what one leaves open, another decides otherwise."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from builder.vocabulary.value_files import Tensor, Value, encode
from tests.places import ROOT

HERE: Final = Path(__file__).parent
TOOLS: Final = ROOT / "native" / "tools"
FLAGS: Final = (
    "-std=c99", "-pedantic", "-O2", "-Wall", "-Wextra", "-Werror",
    f"-I{ROOT / 'native' / 'include'}", f"-I{TOOLS}",
)  # fmt: skip
COMPILERS: Final = ("gcc", "zig")

VALUES: Final[tuple[Value, ...]] = (
    None,
    True,
    -(1 << 40),
    0.1,
    2.5 - 0.75j,
    "zürich\0",
    Tensor.from_numpy(np.arange(6, dtype=np.int16).reshape(2, 3)),
    [1, [2.0], []],
    ("a", (None, False)),
    {"key": 1, 2: (3 + 4j, Tensor.from_numpy(np.ones((0, 4), dtype=np.float32)))},
)
"""One of each kind that inputs may be, alone and inside of others."""


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest, require: Callable[[str], Path]) -> tuple[str, ...]:
    if request.param == "zig":  # what builds compile with
        return (sys.executable, "-m", "ziglang", "cc")
    return (str(require(request.param)),)


def compile_c(compiler: tuple[str, ...], *words: object) -> None:
    done = subprocess.run(
        [*compiler, *FLAGS, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_value_file_is_read_and_written_alike(
    compiler: tuple[str, ...], tmp_path: Path
) -> None:
    program = tmp_path / "copy_values"
    compile_c(compiler, HERE / "copy_values.c", TOOLS / "value_file.c", "-o", program)
    for value in (*VALUES, VALUES):
        content = encode(value)
        (tmp_path / "from").write_bytes(content)
        done = subprocess.run(
            [program, tmp_path / "from", tmp_path / "to"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (value, done.stderr)
        assert (tmp_path / "to").read_bytes() == content, value


def test_the_program_that_runs_models_compiles(compiler: tuple[str, ...], tmp_path: Path) -> None:
    for source in sorted(TOOLS.glob("*.c")):
        compile_c(compiler, "-c", source, "-o", tmp_path / f"{source.stem}.o")
