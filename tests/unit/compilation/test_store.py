from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from builder.compilation.shared.packs.index import Made
from builder.compilation.store import ObjectStore, OpenStore, Store, preprocessor
from builder.compilation.workspace import Workspace
from builder.foundation.files import locked
from builder.foundation.process import Command, CommandError, Completed, Host
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan
from tests.unit.compilation.places import GROUPS, Steps, configured, project

Maker = Callable[..., ObjectStore]
SHARED, OWN = 0, 1
HOMES = {"pytorch:c10/a.cpp": SHARED, "pytorch:c10/b.cpp": OWN, "native:src/x.cpp": SHARED}
REFUSED = """\
[1/2] x
FAILED: [code=1] CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o
tools/cxx -c tree/pytorch/c10/a.cpp -o CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o
Dispatch.h:32:19: error: attempt to use a deleted function
   32 |     if constexpr (!at::should_include_kernel_dtype(   \\
      |                    ^
ops.h:9:16: note: 'should_include_kernel_dtype' has been explicitly marked deleted here
    9 | constexpr bool should_include_kernel_dtype(const char*, at::ScalarType dtype) = delete;
      |                ^
1 error generated.
"""


MADE: Final = Made("linux-x86_64", "PyTorch 2.6.0", "zig 1", (), ("CPU",))


@pytest.fixture
def store(runner: FakeRunner, host: Host) -> Maker:
    runner.answer_with("cmake", configured)

    def make(text: str = "project(x)\n") -> ObjectStore:
        toolchain = make_plan().toolchain
        made = project(host.cache, text)
        folders = (host.cache / "objects" / name for name in ("shared", "own"))
        stores = tuple(Store(Workspace(it, toolchain), made, GROUPS, MADE) for it in folders)
        return ObjectStore(stores, HOMES)

    return make


@contextmanager
def opened(store: ObjectStore, host: Host) -> Iterator[OpenStore]:
    with store.opened(host, "testing", pytest.fail) as it:
        yield it


def configure(store: ObjectStore, host: Host) -> OpenStore:
    with opened(store, host) as made:
        return made


def test_a_store_knows_the_object_of_every_source(store: Maker, host: Host) -> None:
    made = configure(store(), host)
    name = "CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o"
    assert made.name_of("pytorch:c10/a.cpp") == name
    assert made.object_of("pytorch:c10/a.cpp") == host.cache / "objects/shared/build" / name
    own = host.cache / "objects/own/build"
    assert made.object_of("pytorch:c10/b.cpp") == own / name.replace("a.cpp", "b.cpp")
    assert made.headers == own / "include"


def test_unchanged_stores_are_not_configured_again(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    assert configure(store(), host) == configure(store(), host)
    assert runner.programs == ["cmake"] * 2


def test_a_store_that_another_installation_configured_since_is_configured_again(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    ours = store()
    configure(ours, host)
    place = ours.stores[0].workspace.build / "project" / "CMakeLists.txt"
    text = place.read_text()
    configure(store("of another installation"), host)
    configure(ours, host)
    configure(ours, host)
    assert runner.programs.count("cmake") == 6
    assert place.read_text() == text


def test_an_interrupted_configuration_is_repeated(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    configure(store(), host)
    runner.answer("cmake", "killed", status=-9)
    for _ in range(2):
        with pytest.raises(CommandError):
            configure(store("project(y)\n"), host)
    assert runner.programs == ["cmake"] * 4, "the files were new only once"


@pytest.mark.parametrize("name", ["outputs.json", "configured", "places.json", "dependent.json"])
@pytest.mark.parametrize("damage", ["", "{", "[1]", '"text"'])
def test_a_damaged_store_is_mended(store: Maker, host: Host, name: str, damage: str) -> None:
    made = configure(store(), host)
    (made.stores[0].workspace.root / name).write_text(damage)
    assert configure(store(), host) == made


def test_what_is_compiled_is_told_without_waiting_and_configuring(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    assert store().compiled() == frozenset()
    assert not runner.programs
    made = configure(store(), host)
    for source in ("pytorch:c10/a.cpp", "pytorch:c10/b.cpp"):
        path = made.object_of(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with locked(made.stores[0].workspace.lock):
        assert store().compiled() == {"pytorch:c10/a.cpp", "pytorch:c10/b.cpp"}


def test_each_source_is_compiled_where_it_belongs(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("ninja", "")
    with opened(store(), host) as made:
        made.compile(["pytorch:c10/b.cpp", "pytorch:c10/a.cpp"], host, Steps())
    assert {name: demanded(made, number) for number, name in enumerate(("shared", "own"))} == {
        "shared": "CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o",
        "own": "CMakeFiles/c10.dir/tree/pytorch/c10/b.cpp.o",
    }


def test_a_source_that_asks_a_shared_store_for_dtypes_is_compiled_for_its_own(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    """And it stays there: the next build need not find out again."""
    runner.answer_with("ninja", refused_where_shared)
    with opened(store(), host) as made:
        made.compile(["pytorch:c10/a.cpp"], host, Steps())
    assert demanded(made, OWN).endswith("a.cpp.o")
    runs = runner.programs.count("ninja")
    with opened(store(), host) as again:
        again.compile(["pytorch:c10/a.cpp"], host, Steps())
    assert runner.programs.count("ninja") == runs + 1
    assert store().present_homes()["pytorch:c10/a.cpp"] == OWN


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("pytorch:c10/b.cpp", REFUSED.replace("a.cpp", "b.cpp")),
        ("pytorch:c10/a.cpp", REFUSED.replace("should_include_kernel_dtype", "another")),
        ("pytorch:c10/a.cpp", REFUSED.replace("a.cpp", "z.cpp")),
    ],
)
def test_every_other_failure_is_one(
    source: str, text: str, store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("ninja", text, status=1)
    with opened(store(), host) as made, pytest.raises(CommandError):
        made.compile([source], host, Steps())
    assert store().present_homes() == HOMES


def refused_where_shared(command: Command) -> Completed:
    return Completed(1, REFUSED, "") if "shared" in str(command.cwd) else Completed(0, "", "")


def demanded(store: OpenStore, number: int) -> str:
    text = (store.stores[number].workspace.build / "demand.ninja").read_text()
    return text.rpartition("phony")[2].replace("$", "").strip()


def test_macros_are_expanded_with_the_files_own_command(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", "expanded")
    made = store()
    assert preprocessor(made, host, pytest.fail)("pytorch:c10/a.cpp") == "expanded"
    assert runner.commands[-1].argv == (
        "tools/cxx", "-O2", '-DX="a b"', "-Iproject/include", "-isystem", "tree/pytorch", "-Dc10",
        "-E", "-P", "tree/pytorch/c10/a.cpp",
    )  # fmt: skip
    assert runner.commands[-1].cwd == made.stores[SHARED].workspace.build


def test_a_file_that_cannot_be_preprocessed_is_named(
    store: Maker, host: Host, runner: FakeRunner
) -> None:
    runner.answer("cxx", stderr="noise\na.cpp:1: error: no such header\n", status=1)
    with pytest.raises(CompileError, match="error: no such header") as caught:
        preprocessor(store(), host, pytest.fail)("pytorch:c10/a.cpp")
    assert "-E -P" in caught.value.hint


def test_a_file_that_is_no_candidate_cannot_be_preprocessed(store: Maker, host: Host) -> None:
    with pytest.raises(CompileError, match="is not among the files"):
        preprocessor(store(), host, pytest.fail)("pytorch:elsewhere.cpp")


def test_flags_are_told_by_group_as_the_compiler_got_them(store: Maker, host: Host) -> None:
    made = configure(store(), host)
    live = [made.object_of("pytorch:c10/b.cpp"), Path("/builds/x/registration.o")]
    assert made.flags_of(live) == {"c10": ("-O2", '-DX="a b"', "-Dc10")}
    assert made.flags_of([*live, made.object_of("native:src/x.cpp")]).keys() == {"c10", "native"}
