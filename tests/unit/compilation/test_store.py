import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from builder.compilation.store import ObjectStore, open_store, preprocessor, run_ninja
from builder.foundation.process import Command, CommandError, Completed, Host
from builder.libtorch.candidates import Group
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import GeneratedFile
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan

ROOTS = {"pytorch": Path("/src/py torch"), "native": Path("/native")}
GROUPS = (
    Group("c10", "pytorch", "CXX", ("c10/a.cpp", "c10/b.cpp"), (), ()),
    Group("native", "native", "CXX", ("src/x.cpp",), (), ()),
)
FILES = (GeneratedFile(PurePosixPath("CMakeLists.txt"), "project(x)\n"),)


class Steps:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, str]] = []

    def step(self, text: str) -> None:
        raise NotImplementedError

    def compiled(self, done: int, known: int, name: str) -> None:
        self.seen.append((done, known, name))


@pytest.fixture
def cmake(runner: FakeRunner) -> FakeRunner:
    """Let `cmake` write what configuring the groups would."""

    def respond(command: Command) -> Completed:
        build = Path(command.argv[command.argv.index("-B") + 1])
        build.mkdir(parents=True, exist_ok=True)
        (build / "build.ninja").touch()
        entries = [
            {
                "file": str(ROOTS[group.component] / source),
                "output": f"CMakeFiles/{group.name}.dir/{Path(source).name}.o",
                "command": f"cxx -O2 '-DX=\"a b\"' -o out.o -c {source}",
            }
            for group in GROUPS
            for source in group.sources
        ]
        (build / "compile_commands.json").write_text(json.dumps(entries))
        return Completed(0, "", "")

    runner.answer_with("cmake", respond)
    return runner


@pytest.fixture
def store(cmake: FakeRunner, host: Host) -> Callable[..., ObjectStore]:
    del cmake

    def make(files: tuple[GeneratedFile, ...] = FILES) -> ObjectStore:
        return open_store(make_plan(), GROUPS, files, ROOTS, host)

    return make


def test_a_store_knows_the_object_of_every_source(
    store: Callable[..., ObjectStore], host: Host
) -> None:
    made = store()
    assert made.outputs == {
        "pytorch:c10/a.cpp": "CMakeFiles/c10.dir/a.cpp.o",
        "pytorch:c10/b.cpp": "CMakeFiles/c10.dir/b.cpp.o",
        "native:src/x.cpp": "CMakeFiles/native.dir/x.cpp.o",
    }
    assert made.object_of("native:src/x.cpp") == made.build / "CMakeFiles/native.dir/x.cpp.o"
    assert made.root.parent == host.cache / "objects"
    assert made.root.name.startswith("linux-arm64-v8a-")


def test_an_unchanged_store_is_not_configured_again(
    store: Callable[..., ObjectStore], runner: FakeRunner
) -> None:
    assert store() == store()
    assert runner.programs == ["cmake"]


def test_a_store_that_another_installation_configured_since_is_configured_again(
    store: Callable[..., ObjectStore], cmake: FakeRunner
) -> None:
    ours = store()
    text = (ours.root / "project" / FILES[0].path).read_text()
    store((replace(FILES[0], text="of another installation"), *FILES[1:]))
    ours.ensure()
    ours.ensure()
    assert cmake.programs.count("cmake") == 3
    assert (ours.root / "project" / FILES[0].path).read_text() == text


def test_cmake_forgets_the_toolchain_file_of_another_installation(
    store: Callable[..., ObjectStore],
) -> None:
    made = store()
    kept = made.build / "CMakeFiles/4.1.0/CMakeSystem.cmake"
    objects = made.build / "CMakeFiles/c10.dir/a.cpp.o"
    for path in (kept, objects):
        path.parent.mkdir(parents=True)
        path.write_text("include(/gone/BuildRuntimeToolchain.cmake)")
    store((replace(FILES[0], text="of another installation"), *FILES[1:]))
    assert not kept.exists()
    assert objects.exists()


@pytest.mark.parametrize("gone", ["outputs.json", "build/build.ninja"])
def test_a_store_that_is_not_whole_is_configured_again(
    store: Callable[..., ObjectStore], runner: FakeRunner, gone: str
) -> None:
    (store().root / gone).unlink()
    store()
    assert runner.programs == ["cmake", "cmake"]


def test_an_interrupted_configuration_is_repeated(
    store: Callable[..., ObjectStore], runner: FakeRunner, cmake: FakeRunner
) -> None:
    store()
    changed = (replace(FILES[0], text="project(y)\n"),)
    cmake.answer("cmake", "killed", status=-9)
    with pytest.raises(CommandError):
        store(changed)
    with pytest.raises(CommandError):
        store(changed)
    assert runner.programs == ["cmake"] * 3, "the files were new only once"


def test_cmake_is_told_the_tools_and_the_values(
    store: Callable[..., ObjectStore], runner: FakeRunner
) -> None:
    made = store()
    argv = runner.commands[0].argv
    assert argv[:6] == (
        "/bin/cmake", "-S", str(made.root / "project"), "-B", str(made.build), "-G",
    )  # fmt: skip
    assert "-DCMAKE_MAKE_PROGRAM=/bin/ninja" in argv
    assert argv[argv.index("-C") + 1] == str(made.root / "project" / "initial-cache.cmake")


def test_ninja_gets_its_targets_in_a_file(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    steps = Steps()
    runner.answer(
        "ninja",
        "@ 1 3 Building CXX object CMakeFiles/c10.dir/a b/Tensor.cpp.o\n"
        "a warning\n"
        "@ 3 3 Linking CXX shared library lib/libbuild_runtime.so\n",
    )
    run_ninja(
        Path("/bin/ninja"), tmp_path, ["a.o", "b c.o", "d:$e.o"], host,
        log=tmp_path / "log", progress=steps,
    )  # fmt: skip
    assert (tmp_path / "demand.ninja").read_text() == (
        "include build.ninja\nbuild demand: phony $\n  a.o $\n  b$ c.o $\n  d$:$$e.o\n"
    )
    assert runner.commands[0].argv == ("/bin/ninja", "-f", "demand.ninja", "-j", "2", "demand")
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


def failed(tmp_path: Path, host: Host, runner: FakeRunner, output: str) -> CommandError:
    runner.answer("ninja", output, status=1)
    with pytest.raises(CommandError) as caught:
        run_ninja(Path("/bin/ninja"), tmp_path, ["b"], host, log=tmp_path / "log", progress=Steps())
    return caught.value


def test_the_command_that_failed_is_told_and_can_be_repeated(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    error = failed(tmp_path, host, runner, FAILURE)
    assert error.command.argv == ("/bin/sh", "-c", '/tools/cxx -DX="a b" -o b.cpp.o -c b.cpp')
    assert error.command.cwd == tmp_path
    assert error.tail == ("b.cpp:1:2: error: no", "1 error generated.")


def test_a_failure_of_an_earlier_run_is_not_taken_for_this_one(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    failed(tmp_path, host, runner, FAILURE)
    error = failed(tmp_path, host, runner, "ninja: error: loading 'build.ninja'\n")
    assert error.command.argv[0] == "/bin/ninja"
    assert "loading 'build.ninja'" in str(error)


def test_macros_are_expanded_with_the_files_own_command(
    store: Callable[..., ObjectStore], host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", "expanded")
    made = store()
    source = Path("/src/py torch/c10/a.cpp")
    assert preprocessor(made, host)(source) == "expanded"
    assert runner.commands[-1].argv == ("cxx", "-O2", '-DX="a b"', "-E", "-P", str(source))
    assert runner.commands[-1].cwd == made.build


def test_a_file_that_cannot_be_preprocessed_is_named(
    store: Callable[..., ObjectStore], host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", stderr="noise\na.cpp:1: error: no such header\n", status=1)
    with pytest.raises(CompileError, match="error: no such header") as caught:
        preprocessor(store(), host)(Path("/src/py torch/c10/a.cpp"))
    assert "-E -P" in caught.value.hint


def test_a_file_that_is_no_candidate_cannot_be_preprocessed(
    store: Callable[..., ObjectStore], host: Host
) -> None:
    with pytest.raises(CompileError, match="is not among the files"):
        preprocessor(store(), host)(Path("/elsewhere.cpp"))
