import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from builder.compilation.shared.launching.launchers import Launcher
from builder.compilation.shared.launching.session import Launch
from builder.compilation.workspace import Workspace
from builder.foundation.process import Command, CommandError, Completed, Host
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan
from tests.unit.compilation.places import Steps, configured, project

DEPS = """\
CMakeFiles/c10.dir/a.cpp.o: #deps 2, deps mtime 1 (VALID)
    /{former}/precompiled/c10.cpp
    tree/pytorch/c10/a.cpp

"""


@pytest.fixture
def workspace(host: Host, runner: FakeRunner) -> Workspace:
    runner.answer_with("cmake", configured)
    made = Workspace(host.cache / "objects" / "one", make_plan().toolchain)
    assert made.configure(project(host.cache), host)
    return made


def compile_one(workspace: Workspace, host: Host, runner: FakeRunner) -> None:
    """Let ninja compile `a.cpp`, and tell what it depends on."""
    target = "CMakeFiles/c10.dir/a.cpp.o"

    def ninja(command: Command) -> Completed:
        if "-t" in command.argv:
            return Completed(0, DEPS, "")
        if any("_precompiled.dir/" in word for word in command.argv):
            (command.cwd / command.argv[-1]).write_text("made anew")
            return Completed(0, "", "")
        path = command.cwd / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("object")
        return Completed(0, f"@ 1 1 Building CXX object {target}\n", "")

    runner.answer_with("ninja", ninja)
    assert workspace.run_ninja([target], host, Steps()).compiled == 1


def test_everything_is_linked_into_the_folder_commands_run_in(
    workspace: Workspace, host: Host
) -> None:
    tree = workspace.build / "tree"
    assert (tree / "pytorch").readlink() == Path("../../../../pytorch"), "moves with the cache"
    assert (tree / "pytorch/c10/a.cpp").read_text() == "// pytorch/c10/a.cpp\n"
    assert not (tree / "native").is_symlink(), "an installed program may go"
    assert (tree / "native/src/x.cpp").is_file()
    assert (workspace.build / "tools/cxx").readlink() == Path("/cache/tools/cxx")
    assert workspace.build.is_relative_to(host.cache)


def test_cmake_is_told_the_tools_and_the_values(workspace: Workspace, runner: FakeRunner) -> None:
    argv = runner.commands[0].argv
    build = workspace.build
    assert argv[:6] == ("/bin/cmake", "-S", str(build / "project"), "-B", str(build), "-G")
    assert "-DCMAKE_MAKE_PROGRAM=/bin/ninja" in argv
    assert argv[argv.index("-C") + 1] == str(build / "project" / "initial-cache.cmake")


def test_a_definition_that_changes_configures_again(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    assert workspace.configure(project(host.cache), host, {"A": "1"})
    assert not workspace.configure(project(host.cache), host, {"A": "1"})
    assert runner.programs == ["cmake", "cmake"]
    assert "-DA=1" in runner.commands[-1].argv


def test_a_moved_folder_is_configured_again_and_forgets_where_it_was(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    compile_one(workspace, host, runner)
    moved = Workspace(host.cache / "objects" / "two", workspace.toolchain)
    workspace.root.rename(moved.root)
    seen: list[bool] = []

    def cmake(command: Command) -> Completed:
        seen.append((moved.build / "CMakeCache.txt").exists())
        return configured(command)

    runner.answer_with("cmake", cmake)
    assert moved.configure(project(host.cache), host)
    assert seen == [False], "CMake refuses the cache of another folder"
    assert not moved.configure(project(host.cache), host)


def test_files_that_hold_what_they_held_have_their_times_back(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    compile_one(workspace, host, runner)
    target = "CMakeFiles/c10.dir/a.cpp.o"
    source = host.cache / "pytorch/c10/a.cpp"
    times = [it.stat().st_mtime_ns for it in (workspace.build / target, source)]
    copy = Workspace(host.cache / "objects" / "copy", workspace.toolchain)
    shutil.copytree(workspace.root, copy.root, symlinks=True)
    for path in (copy.build / target, source):
        os.utime(path, ns=(1, 1))
    copy.configure(project(host.cache), host)
    os.utime(copy.build / target, ns=(times[0], times[0]))
    assert [it.stat().st_mtime_ns for it in (copy.build / target, source)] == times


def test_a_precompiled_header_of_another_place_is_made_anew_where_it_is_needed(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    compile_one(workspace, host, runner)
    header = workspace.build / "CMakeFiles/c10_precompiled.dir/precompiled/c10.cpp.o"
    header.parent.mkdir(parents=True)
    header.write_text("precompiled")
    (workspace.build / "precompiled").mkdir()
    (workspace.build / "precompiled/c10.cpp").write_text("#include <a>")
    moved = Workspace(host.cache / "objects" / "two", workspace.toolchain)
    former = workspace.build.resolve()
    workspace.root.rename(moved.root)
    header = moved.build / header.relative_to(workspace.build)
    moved.configure(project(host.cache), host)
    runner.answer("ninja", "ninja: no work to do.\n")
    assert moved.run_ninja(["a.o"], host, Steps()).compiled == 0
    assert header.read_text() == "precompiled", "nothing was compiled"
    demand = (moved.build / "demand.ninja").read_text()
    assert f"build {former}/precompiled/c10.cpp: phony precompiled/c10.cpp\n" in demand
    made = header.stat().st_mtime_ns
    compile_one(moved, host, runner)
    assert header.read_text() == "made anew"
    assert header.stat().st_mtime_ns == made, "objects that are there stay up to date"
    assert not (moved.root / "precompiled.json").exists()


def test_cmake_forgets_the_toolchain_file_of_another_installation(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    kept = workspace.build / "CMakeFiles/4.1.0/CMakeSystem.cmake"
    target = workspace.build / "CMakeFiles/c10.dir/a.cpp.o"
    target.parent.mkdir(parents=True)
    target.write_text("object")
    seen: list[bool] = []

    def cmake(command: Command) -> Completed:
        seen.append(kept.exists())
        return configured(command)

    runner.answer_with("cmake", cmake)
    workspace.configure(project(host.cache, "of another installation"), host)
    assert seen == [False]
    assert target.exists()


def test_ninja_gets_its_targets_in_a_file(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    steps = Steps()
    runner.answer(
        "ninja",
        "@ 1 3 Building CXX object CMakeFiles/c10.dir/a b/Tensor.cpp.o\n"
        "a warning\n"
        "@ 3 3 Linking CXX shared library lib/libbuild_runtime.so\n",
    )
    workspace.run_ninja(["a.o", "b c.o", "d:$e.o"], host, steps)
    assert (workspace.build / "demand.ninja").read_text() == (
        "include build.ninja\nbuild demand: phony $\n  a.o $\n  b$ c.o $\n  d$:$$e.o\n"
    )
    argv = ("/bin/ninja", "-f", "demand.ninja", "-j", "2", "demand")
    assert argv in [it.argv for it in runner.commands]
    assert steps.seen == [(1, 3, "Tensor.cpp"), (3, 3, "libbuild_runtime.so")]


FAILURE = """\
@ 1 3 Building CXX object a.cpp.o
FAILED: [code=1] b.cpp.o
/tools/cxx -DX="a b" -o b.cpp.o -c b.cpp
b.cpp:1:2: error: no
1 error generated.
@ 2 3 Building CXX object c.cpp.o
ninja: build stopped: subcommand failed.
"""


def failed(workspace: Workspace, host: Host, runner: FakeRunner, output: str) -> CommandError:
    runner.answer("ninja", output, status=1)
    with pytest.raises(CommandError) as caught:
        workspace.run_ninja(["b"], host, Steps())
    return caught.value


def test_the_command_that_failed_is_told_and_can_be_repeated(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    error = failed(workspace, host, runner, FAILURE)
    assert error.command.argv == ("/bin/sh", "-c", '/tools/cxx -DX="a b" -o b.cpp.o -c b.cpp')
    assert error.command.cwd == workspace.build
    assert error.tail == ("b.cpp:1:2: error: no", "1 error generated.")


def test_a_failure_of_an_earlier_run_is_not_taken_for_this_one(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    failed(workspace, host, runner, FAILURE)
    error = failed(workspace, host, runner, "ninja: error: loading 'build.ninja'\n")
    assert error.command.argv[0] == "/bin/ninja"
    assert "loading 'build.ninja'" in str(error)


def test_a_moved_folder_without_precompiled_headers_is_asked_for_its_targets_alone(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    """A ninja without targets would build all there is."""
    compile_one(workspace, host, runner)
    moved = Workspace(host.cache / "objects" / "two", workspace.toolchain)
    workspace.root.rename(moved.root)
    moved.configure(project(host.cache), host)
    runner.commands.clear()
    compile_one(moved, host, runner)
    assert all({"demand", "deps"} & set(it.argv) for it in runner.commands)


def launched(workspace: Workspace, host: Host, told: list[str]) -> Workspace:
    """Return the workspace with a launcher that is ready to be called."""
    tools = host.cache / "toolchains/launched"
    launcher = Launcher("sccache", Path("/bin/sccache"))
    environment = {"LAUNCHER": "/bin/sccache"}
    launch = Launch(launcher, tools / "cc", tools / "cxx", environment, told.append)
    return replace(workspace, launch=launch)


def whole_object() -> bytes:
    """Return an object with an empty table of sections."""
    head = (b"\x7fELF", 2, 1, 1, 1, 183, 1, 0, 0, 64, 0, 64, 0, 0, 64, 1, 0)
    return struct.pack("<4s3B9xHHIQQQIHHHHHH", *head) + bytes(64)


class Ninja:
    """A ninja that compiles `a.cpp` with what its tools lead to, unless that fails."""

    target = "CMakeFiles/c10.dir/a.cpp.o"

    def __init__(self, *, by_launcher: bytes | None) -> None:
        self.by_launcher = by_launcher
        self.compilers: list[str] = []

    def __call__(self, command: Command) -> Completed:
        if "-t" in command.argv or "-n" in command.argv:
            return Completed(0, "", "")
        compiler = str((command.cwd / "tools/cxx").readlink())
        self.compilers.append(compiler)
        assert ("LAUNCHER" in command.env) == ("launched" in compiler)
        made = self.by_launcher if "launched" in compiler else whole_object()
        if made is None:
            return Completed(1, "FAILED: a\n", "")
        path = command.cwd / self.target
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return Completed(0, "ninja: no work to do.\n", "")
        path.write_bytes(made)
        return Completed(0, f"@ 1 1 Building CXX object {self.target}\n", "")


def test_a_launcher_is_called_in_place_of_the_compiler(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    told: list[str] = []
    ninja = Ninja(by_launcher=whole_object())
    runner.answer_with("ninja", ninja)
    used = launched(workspace, host, told)
    assert used.run_ninja([ninja.target], host, Steps()).compiled == 1
    assert ninja.compilers == ["../../../../toolchains/launched/cxx"]
    assert (workspace.build / "tools/cxx").readlink() == Path("/cache/tools/cxx"), "left as it was"
    assert used.launch
    assert used.launch.serves
    assert not told


@pytest.mark.parametrize("made", [None, b"", b"garbage", whole_object()[:-1]])
def test_where_a_launcher_fails_the_compiler_is_called(
    made: bytes | None, workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    told: list[str] = []
    ninja = Ninja(by_launcher=made)
    runner.answer_with("ninja", ninja)
    used = launched(workspace, host, told)
    assert used.run_ninja([ninja.target], host, Steps()).compiled == 1
    assert (used.build / ninja.target).read_bytes() == whole_object()
    assert [it.startswith("going on without sccache: ") for it in told] == [True]
    (used.build / ninja.target).unlink()
    assert used.run_ninja([ninja.target], host, Steps()).compiled == 1
    assert ["launched" in it for it in ninja.compilers] == [True, False, False], "given up"


def test_what_does_not_compile_is_not_the_launchers_fault(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    told: list[str] = []
    runner.answer("ninja", "FAILED: a\nclang a.cpp\na.cpp:1: error\n", status=1)
    used = launched(workspace, host, told)
    with pytest.raises(CommandError, match=r"a\.cpp:1: error"):
        used.run_ninja(["a.o"], host, Steps())
    assert used.launch
    assert used.launch.serves
    assert not told


def test_a_header_that_a_launcher_left_empty_is_made_where_it_is_needed(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    header = workspace.build / "CMakeFiles/c10_precompiled.dir/precompiled/c10.cpp.o"
    header.parent.mkdir(parents=True)
    header.touch()
    made = header.stat().st_mtime_ns
    runner.answer("ninja", "ninja: no work to do.\n")
    assert workspace.run_ninja(["a.o"], host, Steps()).compiled == 0
    assert not header.read_text(), "nothing was to be compiled, says `ninja -n`"
    target = "CMakeFiles/c10.dir/b.cpp.o"

    def ninja(command: Command) -> Completed:
        if any("_precompiled.dir/" in word for word in command.argv):
            (command.cwd / command.argv[-1]).write_text("made")
        return Completed(0, f"@ 1 1 Building CXX object {target}\n", "")

    runner.answer_with("ninja", ninja)
    workspace.run_ninja([target], host, Steps())
    assert header.read_text() == "made"
    assert header.stat().st_mtime_ns == made, "objects that are there stay up to date"


def test_what_ninja_would_compile_again_is_not_up_to_date(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    objects = {it: f"CMakeFiles/c10.dir/{it}.cpp.o" for it in ("kept", "stale", "absent", "lost")}
    (workspace.build / "a.h").write_text("")
    for name, output in objects.items():
        path = workspace.build / output
        path.parent.mkdir(parents=True, exist_ok=True)
        if name != "absent":
            path.write_text("object")

    def ninja(command: Command) -> Completed:
        if "-t" in command.argv:
            told = (
                f"{output}: #deps 1, deps mtime 1 (VALID)\n    {name if name == 'lost' else 'a'}.h"
                for name, output in objects.items()
            )
            return Completed(0, "\n\n".join(told), "")
        assert "-n" in command.argv
        asked = (command.cwd / "demand.ninja").read_text()
        assert [it for it in objects if objects[it] in asked] == ["kept", "stale"]
        return Completed(0, f"@ 1 1 Building CXX object {objects['stale']}\n", "")

    runner.answer_with("ninja", ninja)
    assert workspace.up_to_date(host).keys() == {objects["kept"]}


def test_a_folder_that_ninja_cannot_judge_is_told(
    workspace: Workspace, host: Host, runner: FakeRunner
) -> None:
    compile_one(workspace, host, runner)

    def ninja(command: Command) -> Completed:
        return Completed(0, DEPS, "") if "-t" in command.argv else Completed(1, "", "ninja: no\n")

    runner.answer_with("ninja", ninja)
    with pytest.raises(CompileError, match="which objects are up to date: ninja: no"):
        workspace.up_to_date(host)
