"""What the pages show and needs no source and no compiler: commands are run, files are read."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator

from builder.cli import main
from builder.extensions.reading import read_extension
from builder.foundation.configuration import read_table, resolve
from builder.vocabulary.targets import Abi
from tests.docs.pages import Block, block, differences
from tests.documents import SCHEMAS, read_schema
from tests.places import EXAMPLES, ROOT, STEERING

CI: Final = ROOT / ".ci"
"""Its programs install the tool for its development, on an empty machine, and test it."""

CONVERTS: Final = pytest.mark.torch
"""Desktop torch converts a `.pt`, in a process of its own."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with the models of the pages; no setting of the developer counts."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    for name in ("model.pt", "new.pt"):
        shutil.copy(EXAMPLES / "classifier" / "model.pt", tmp_path / name)
    for name in [it for it in os.environ if it.startswith(STEERING)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def play(desk: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Return what runs the first commands of a transcript, and compares what they print."""

    def run(shown: Block, steps: int | None = None) -> None:
        assert desk.is_dir()
        for command, lines in shown.steps[:steps]:
            words = shlex.split(command)
            assert words[0] == "build-runtime"
            status = main(words[1:])
            printed = capsys.readouterr()
            assert status == 0, printed.err
            assert not differences(lines, printed.out.splitlines()), command

    return run


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(block("$ build-runtime check model.pt"), marks=CONVERTS),
        pytest.param(block("$ build-runtime inspect model.pt\n"), marks=CONVERTS),
        pytest.param(block("$ build-runtime inspect model.pt --converted"), marks=CONVERTS),
        pytest.param(block("$ build-runtime inspect model.pt new.pt --diff"), marks=CONVERTS),
        pytest.param(block("$ build-runtime lock model.pt"), marks=CONVERTS),
        block("$ build-runtime cache show"),
    ],
    ids=lambda it: it.steps[0][0],
)
def test_commands_print_what_is_shown(shown: Block, play: Callable[..., None]) -> None:
    play(shown)


@CONVERTS
def test_an_exported_program_is_called_as_shown(desk: Path, play: Callable[..., None]) -> None:
    made = desk / "export.py"
    made.write_text(block("import torch\n\n\nclass Net").text, encoding="utf-8")
    subprocess.run([sys.executable, made], cwd=desk, check=True)
    play(block("$ build-runtime inspect net.pt2"))


@CONVERTS
def test_a_detector_is_checked_as_shown(desk: Path, play: Callable[..., None]) -> None:
    script = EXAMPLES / "detection" / "make_model.py"
    subprocess.run([sys.executable, script, desk], check=True)
    (desk / "model.pt").rename(desk / "detector.pt")
    play(block("$ build-runtime check detector.pt"))


def test_the_operators_shown_are_read(tmp_path: Path) -> None:
    """Whether such C++ compiles is seen where the example is built."""
    text = block("#include <ATen/ATen.h>\n#include <torch/library.h>").text
    (tmp_path / "shop.cpp").write_text(text, encoding="utf-8")
    (operator,) = read_extension([tmp_path]).operators
    assert operator.definition.schema == "shop::area(Tensor boxes, float scale=1.0) -> Tensor"
    assert operator.entry.kernel


@CONVERTS
def test_the_readme_begins_with_a_check(play: Callable[..., None]) -> None:
    """`tests/e2e/test_readme.py` runs what follows."""
    play(block("$ build-runtime check examples/classifier/model.pt"), 1)


def test_the_settings_shown_are_read(tmp_path: Path) -> None:
    text = block("[tool.build-runtime]").text
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    table = tomllib.loads(text)["tool"]["build-runtime"]
    Draft202012Validator(read_schema(SCHEMAS / "configuration.schema.json")).validate(table)
    settings = resolve({}, {}, read_table(tmp_path)).settings
    assert settings.build.abis == (Abi.ARM64_V8A, Abi.X86_64)
    assert settings.machine.cache_size == 5_000_000_000


def test_ci_installs_and_tests_as_the_readme_says() -> None:
    """CI runs these steps from a clean checkout; what it adds are exact releases, and silence."""
    install = (CI / "install").read_text(encoding="utf-8")
    script = (CI / "run").read_text(encoding="utf-8")
    steps = block("pip install --upgrade pip").text.strip().split(" && ")
    assert steps == [
        "pip install --upgrade pip", "pip install -e . --group dev", "python -m pytest",
    ]  # fmt: skip
    assert re.search(r"^python -m pip install --quiet --upgrade 'pip", install, re.MULTILINE)
    assert re.search(
        r"^python -m pip install --quiet --editable \. --group dev$", install, re.MULTILINE
    )
    assert re.search(r"^python -m pytest ", script, re.MULTILINE)
