import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.toolchains import zig as toolchain
from builder.toolchains.zig import RECIPE, find_zig, learned_link, prepare
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import LinkLine, Program, Toolchain
from builder.vocabulary.targets import Abi, Platform, Target
from tests.conftest import FakeRunner
from tests.places import RECORDED

ARM = Target(Platform.LINUX, Abi.ARMEABI_V7A)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with cmake and ninja that is the only one on PATH; zig is elsewhere."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cmake", "ninja"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))
    monkeypatch.setattr(
        toolchain, "find_zig", lambda: Program("zig", tmp_path / "zi g" / "zig", "0.17.1")
    )
    return folder


@pytest.fixture
def zig(tools: Path, tmp_path: Path, runner: FakeRunner) -> FakeRunner:
    """Let the wrapped compiler link the probe as zig does."""
    del tools
    library = tmp_path / "cache" / "libc++.a"

    def link(command: Command) -> Completed:
        assert (command.cwd / "probe.cpp").is_file()
        library.parent.mkdir(exist_ok=True)
        library.touch()
        shutil.copy(RECORDED / "elf/armeabi-v7a/tiny.so", library.parent / "libc.so.6")
        line = (
            "ld.lld --error-limit=0 -mllvm -float-abi=hard -O2 -s -m armelf_linux_eabi -shared"
            f" -o probe.so {library} probe.o --as-needed {library.parent}/libc.so.6"
        )
        return Completed(0, "", f"warning: noise\n{line}\n")

    runner.answer_with("cxx", link)
    return runner


def learn(made: Toolchain, host: Host) -> LinkLine:
    with learned_link(made, host) as link_line:
        return link_line()


def test_a_missing_zig_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolchainError, match="zig toolchain is not installed") as caught:
        find_zig()
    assert caught.value.hint == "pip install ziglang"


def test_a_toolchain_is_wrappers_and_starts_nothing(
    zig: FakeRunner, host: Host, tmp_path: Path, tools: Path
) -> None:
    made = prepare(ARM, host)
    assert (made.cmake, made.ninja) == (tools / "cmake", tools / "ninja")
    text = made.cxx.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert f"'{tmp_path}/zi g/zig' c++ -target arm-linux-gnueabihf.2.28 -mcpu=" in text
    assert text.endswith('-fno-sanitize=undefined "$@"\n')
    direct = f"exec '{tmp_path}/zi g/zig' clang --no-default-config --config={made.cxx}.cfg"
    assert direct in text, "what compiles is the clang inside"
    assert " clang " not in made.linker.read_text()
    assert {it.stat().st_mode & 0o111 for it in (made.cc, made.cxx, made.ar, made.linker)} == {
        0o111
    }
    assert zig.commands == []


def test_a_link_line_is_learned_of_the_compiler_and_kept(
    zig: FakeRunner, host: Host, tmp_path: Path
) -> None:
    made = prepare(ARM, host)
    line = learn(made, host)
    assert line.flags == ("-mllvm", "-float-abi=hard", "-m", "armelf_linux_eabi")
    cache = tmp_path / "cache"
    assert line.libraries == (cache / "libc++.a", cache / "libc.so.6")
    assert [it.name for it in made.cxx.parent.glob("tmp*")] == [], "the probe is gone"
    assert learn(made, host) == line
    assert len(zig.commands) == 1


def test_a_link_line_that_nobody_waits_for_is_not_kept(zig: FakeRunner, host: Host) -> None:
    made = prepare(ARM, host)
    with learned_link(made, host):
        pass
    assert not (made.cxx.parent / RECIPE).exists()
    assert len(zig.commands) == 1


def test_libraries_that_vanished_are_made_again(zig: FakeRunner, host: Host) -> None:
    made = prepare(ARM, host)
    line = learn(made, host)
    line.libraries[0].unlink()
    assert learn(made, host) == line
    assert len(zig.commands) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"flags": 1}', '{"libraries": [], "flags": []'])
def test_a_damaged_recipe_is_learned_again(zig: FakeRunner, host: Host, text: str) -> None:
    made = prepare(ARM, host)
    line = learn(made, host)
    (made.cxx.parent / RECIPE).write_text(text)
    assert learn(made, host) == line
    assert len(zig.commands) == 2


def test_targets_differ_in_what_identifies_them(zig: FakeRunner, host: Host) -> None:
    del zig
    one, other = prepare(ARM, host), prepare(Target(Platform.LINUX, Abi.X86), host)
    assert one.digest != other.digest
    assert one.cxx.parent != other.cxx.parent


@pytest.mark.parametrize(
    ("stderr", "status", "reason"),
    [("error: unable to find libc\n", 1, "unable to find libc"), ("", 0, "no output")],
)
def test_a_zig_that_cannot_link_is_repeatable_by_hand(  # noqa: PLR0917
    tools: Path, host: Host, runner: FakeRunner, stderr: str, status: int, reason: str
) -> None:
    del tools
    runner.answer("cxx", stderr=stderr, status=status)
    made = prepare(ARM, host)
    with pytest.raises(ToolchainError, match=reason) as caught:
        learn(made, host)
    assert "linux-armeabi-v7a" in caught.value.message
    assert "ZIG_VERBOSE_LINK=1" in caught.value.hint
    assert not list((host.cache / "toolchains").rglob(RECIPE))


def test_the_recipe_is_readable(zig: FakeRunner, host: Host) -> None:
    del zig
    made = prepare(ARM, host)
    learn(made, host)
    recipe = json.loads((made.cxx.parent / RECIPE).read_text())
    assert recipe.keys() == {"flags", "libraries"}
