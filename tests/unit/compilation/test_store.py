from collections.abc import Callable
from pathlib import Path

import pytest

from builder.compilation.store import ObjectStore, open_store, preprocessor
from builder.foundation.process import CommandError, Host
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan
from tests.unit.compilation.places import GROUPS, configured, project

Maker = Callable[..., ObjectStore]


@pytest.fixture
def store(runner: FakeRunner, host: Host) -> Maker:
    runner.answer_with("cmake", configured)

    def make(text: str = "project(x)\n") -> ObjectStore:
        return open_store(make_plan(), GROUPS, project(host.cache, text), host)

    return make


def test_a_store_knows_the_object_of_every_source(store: Maker, host: Host) -> None:
    made = store()
    assert made.outputs == {
        "pytorch:c10/a.cpp": "CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o",
        "pytorch:c10/b.cpp": "CMakeFiles/c10.dir/tree/pytorch/c10/b.cpp.o",
        "native:src/x.cpp": "CMakeFiles/native.dir/tree/native/src/x.cpp.o",
    }
    root = made.workspace.root
    native = root / "build/CMakeFiles/native.dir/tree/native/src/x.cpp.o"
    assert made.object_of("native:src/x.cpp") == native
    assert root.parent == host.cache / "objects"
    assert root.name.startswith("linux-arm64-v8a-")


def test_an_unchanged_store_is_not_configured_again(store: Maker, runner: FakeRunner) -> None:
    assert store() == store()
    assert runner.programs == ["cmake"]


def test_a_store_that_another_installation_configured_since_is_configured_again(
    store: Maker, runner: FakeRunner
) -> None:
    ours = store()
    place = ours.workspace.build / "project" / "CMakeLists.txt"
    text = place.read_text()
    store("of another installation")
    ours.ensure()
    ours.ensure()
    assert runner.programs.count("cmake") == 3
    assert place.read_text() == text


def test_an_interrupted_configuration_is_repeated(store: Maker, runner: FakeRunner) -> None:
    store()
    runner.answer("cmake", "killed", status=-9)
    with pytest.raises(CommandError):
        store("project(y)\n")
    with pytest.raises(CommandError):
        store("project(y)\n")
    assert runner.programs == ["cmake"] * 3, "the files were new only once"


@pytest.mark.parametrize("name", ["outputs.json", "configured", "places.json"])
@pytest.mark.parametrize("damage", ["", "{", "[1]", '"text"'])
def test_a_damaged_store_is_mended(store: Maker, name: str, damage: str) -> None:
    made = store()
    (made.workspace.root / name).write_text(damage)
    assert store().outputs == made.outputs
    assert store() == made


def test_macros_are_expanded_with_the_files_own_command(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", "expanded")
    made = store()
    assert preprocessor(made, host)("pytorch:c10/a.cpp") == "expanded"
    assert runner.commands[-1].argv == (
        "tools/cxx", "-O2", '-DX="a b"', "-Iproject/include", "-isystem", "tree/pytorch", "-Dc10",
        "-E", "-P", "tree/pytorch/c10/a.cpp",
    )  # fmt: skip
    assert runner.commands[-1].cwd == made.workspace.build


def test_a_file_that_cannot_be_preprocessed_is_named(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", stderr="noise\na.cpp:1: error: no such header\n", status=1)
    with pytest.raises(CompileError, match="error: no such header") as caught:
        preprocessor(store(), host)("pytorch:c10/a.cpp")
    assert "-E -P" in caught.value.hint


def test_a_file_that_is_no_candidate_cannot_be_preprocessed(store: Maker, host: Host) -> None:
    with pytest.raises(CompileError, match="is not among the files"):
        preprocessor(store(), host)("pytorch:elsewhere.cpp")


def test_flags_are_told_by_group_as_the_compiler_got_them(store: Maker) -> None:
    made = store()
    live = [made.object_of("pytorch:c10/b.cpp"), Path("/builds/x/registration.o")]
    assert made.flags_of(live) == {"c10": ("-O2", '-DX="a b"', "-Dc10")}
    assert made.flags_of([*live, made.object_of("native:src/x.cpp")]).keys() == {"c10", "native"}
