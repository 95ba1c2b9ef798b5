"""What the pages show of real builds: their transcripts are run in a shell, and the C++ with them.

`python -m pytest -m e2e tests/e2e/test_readme.py --update-golden` writes what is printed now.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import README, REFERENCE, Block, block, differences, inline_commands, rewrite
from tests.e2e.real import CLASSIFIER, DEADLINE, Runtime, Tool
from tests.places import EXAMPLES, ROOT

NEXT: Final = "-- the next command --"
SCRIPTS: Final[Mapping[str, str]] = {
    "build-runtime": f'exec {shlex.quote(sys.executable)} -m builder "$@"',
    "python": f'exec {shlex.quote(sys.executable)} -W ignore "$@"',
}
"""What the commands of the pages are on the machine of the tests."""


@dataclass(frozen=True)
class Desk:
    """A folder with the files that the pages speak of, and a shell that has our commands."""

    folder: Path
    env: Mapping[str, str]

    def run(self, commands: list[str]) -> list[list[str]]:
        """Run commands in one shell; return the lines that each prints on stdout."""
        script = f"\necho {shlex.quote(NEXT)}\n".join(commands)
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=self.folder, env=self.env, capture_output=True,
            text=True, check=False, timeout=DEADLINE,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return [part.strip("\n").splitlines() for part in done.stdout.split(f"{NEXT}\n")]


@pytest.fixture
def desk(tool: Tool, tmp_path: Path, require: Callable[[str], Path]) -> Desk:
    """Lay out the files; foreign programs run under qemu, as the pages show."""
    path = f"{tmp_path / 'bin'}:{require('qemu-aarch64').parent}:{require('bash').parent}"
    (tmp_path / "bin").mkdir()
    for name, script in SCRIPTS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "ops").mkdir()
    shutil.copy(EXAMPLES / "detection" / "nms.cpp", tmp_path / "ops")
    for name in ("model.pt", "new.pt"):
        shutil.copy(CLASSIFIER, tmp_path / name)
    (tmp_path / "app-operators.txt").write_text("aten::sigmoid\n", encoding="utf-8")
    (tmp_path / "app.cpp").write_text(block("#include <build_runtime.h>").text, encoding="utf-8")
    zig = str(tool.cache / "zig")
    env = tool.env(ZIG_GLOBAL_CACHE_DIR=zig, PATH=f"{path}:{tool.env()['PATH']}")
    return Desk(tmp_path, env)


@pytest.fixture
def play(desk: Desk, request: pytest.FixtureRequest) -> Callable[[Block], None]:
    """Return what runs a transcript and compares it with what is printed, or writes that."""

    def run(shown: Block) -> None:
        printed = desk.run([command for command, _ in shown.steps])
        if request.config.getoption("--update-golden"):
            rewrite(shown, printed)
            return
        for (command, lines), now in zip(shown.steps, printed, strict=True):
            assert not differences(lines, now), command

    return run


def use(runtime: Runtime, desk: Desk) -> None:
    """Put what a build wrote where the pages have it."""
    (desk.folder / "dist").symlink_to(runtime.prefix.parent)


@pytest.mark.parametrize(
    "shown",
    [
        block("$ build-runtime check examples/classifier/model.pt"),
        block("$ python examples/mobilenet_v2/make_model.py out"),
        block("$ build-runtime inspect model.pt --input-shape"),
        block("$ build-runtime plan model.pt"),
        block("$ build-runtime doctor"),
    ],
    ids=lambda it: it.steps[-1][0],
)
def test_commands_print_what_is_shown(shown: Block, play: Callable[[Block], None]) -> None:
    play(shown)


def test_lists_build_what_is_shown(desk: Desk, play: Callable[[Block], None]) -> None:
    desk.run(["build-runtime lock model.pt -o operators.lock.yaml"])
    play(block("$ build-runtime operators.lock.yaml"))


@pytest.mark.parametrize(
    "shown",
    [
        block("$ build-runtime report dist"),
        block("$ build-runtime verify dist"),
        block("$ cp dist"),
    ],
    ids=lambda it: it.steps[0][0],
)
def test_what_was_built_is_used_as_shown(
    shown: Block,
    desk: Desk,
    play: Callable[[Block], None],
    runtime: Callable[[str, str], Runtime],
) -> None:
    use(runtime("classifier", "arm64-v8a"), desk)
    play(shown)


@pytest.mark.parametrize(
    "shown", [block("$ cmake -S"), block("$ export PKG_CONFIG_PATH")], ids=lambda it: it.steps[0][0]
)
def test_an_app_is_linked_as_shown(
    shown: Block,
    desk: Desk,
    play: Callable[[Block], None],
    runtime: Callable[[str, str], Runtime],
    require: Callable[[str], Path],
) -> None:
    for program in ("cmake", "g++", "pkg-config"):
        require(program)
    made = runtime("classifier", "x86_64")
    use(made, desk)
    shutil.copy(made.model("model"), desk.folder)
    project = block("cmake_minimum_required").text
    (desk.folder / "CMakeLists.txt").write_text(project, encoding="utf-8")
    play(shown)


def test_every_command_of_the_readme_answers_its_question(desk: Desk) -> None:
    """They run in the order of the table: what one writes, the next may read."""
    # where git brought the sources, a bundle needs a Debian mirror: `test_bundle.py` makes one
    left_out = ("build-runtime COMMAND", "build-runtime source bundle")
    commands = [it for it in inline_commands(README) if not it.startswith(left_out)]
    assert len(commands) >= 15
    own = f"BUILD_RUNTIME_CACHE_DIR={shlex.quote(str(desk.folder / 'cache'))} "  # nothing is lost
    native = "build-runtime model.pt --abi x86_64 --input-shape 1,3,32,32"  # what `bench` measures
    desk.run([native, *(f"{own if ' cache' in it else ''}{it}" for it in commands)])


def test_the_command_to_start_with_builds_the_classifier(
    tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    """The part of the install line that is ours; tests/packaging installs the wheel."""
    require("qemu-aarch64")
    line = block("python3 -m venv").text.strip()
    words = shlex.split(line.rpartition(" && ")[2])[1:]
    words[0] = str(ROOT / words[0])
    assert "passed   outputs" in tool.run(*words, cwd=tmp_path).stdout
    prefix = tmp_path / "dist" / "linux-arm64-v8a"
    page = REFERENCE.read_text(encoding="utf-8")
    asked = r"(?!with `--java on`)"  # what this build does not ask for
    listed = re.findall(rf"^\| `([^`]+)`(?:, `([^`]+)`)? \| (?=\S){asked}", page, re.MULTILINE)
    paths = [path for row in listed for path in row if "/" in path]
    assert len(paths) >= 8
    for path in paths:
        assert (prefix / path).exists(), path
