"""The rooms of `builder/`: dependencies point down only, and every effect has one door."""

import ast
import sys
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

from tests.parsing import parsed
from tests.places import ROOT

BUILDER: Final = ROOT / "builder"

BELOW: Final = frozenset({"vocabulary", "foundation"})
STAGES: Final = frozenset(
    {"models", "source", "toolchains", "compilation", "artifact", "proof", "report"}
)
"""Rooms that do not know each other: what one makes, the next is given by the pipeline."""

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "vocabulary": frozenset(),
    "foundation": frozenset({"vocabulary"}),
    "libtorch": BELOW,
    "extensions": BELOW | {"libtorch"},
    **dict.fromkeys(STAGES, BELOW | {"libtorch", "extensions"}),
    "benching": BELOW | {"extensions", "models"},
    "pipeline": BELOW | {"libtorch", "extensions"} | STAGES,
    "commands": BELOW | {"libtorch", "extensions", "pipeline", "benching"} | STAGES,
    "cli": BELOW | {"commands"},
    "__main__": frozenset({"cli"}),
    "builder": frozenset(),
}
"""Every room, and the rooms it may import. A module at the top is a room of its own."""

MOST_ROOMS: Final = 18
MOST_ARROWS: Final = 60
MOST_SIDE_BY_SIDE: Final = 12

TORCH_USERS: Final = frozenset(
    {
        "benching/peers/onnx_model.py",
        "benching/peers/torch_model.py",
        "extensions/learning.py",
        "models/conversion/convert.py",
        "models/conversion/repairs/containers.py",
        "models/conversion/repairs/devices.py",
        "models/conversion/repairs/stand_ins/enumerations.py",
        "models/conversion/repairs/forks.py",
        "models/conversion/repairs/graphs.py",
        "models/conversion/repairs/stand_ins/objects.py",
        "models/conversion/repairs/stand_ins/retyping.py",
        "models/conversion/repairs/padding.py",
        "models/conversion/repairs/pairs.py",
        "models/conversion/repairs/wrapped_numbers.py",
        "models/conversion/rewrites/agreement.py",
        "models/conversion/rewrites/batches.py",
        "models/conversion/rewrites/cleaning.py",
        "models/conversion/rewrites/constants.py",
        "models/conversion/rewrites/folding.py",
        "models/conversion/rewrites/freezing.py",
        "models/conversion/rewrites/layout.py",
        "models/conversion/rewrites/packing.py",
        "models/conversion/rewrites/unpacking.py",
        "models/exported/writing/__main__.py",
        "models/exported/writing/agreement.py",
        "models/exported/writing/branches.py",
        "models/exported/writing/decomposing.py",
        "models/exported/writing/guards.py",
        "models/exported/writing/literals.py",
        "models/exported/writing/program.py",
        "models/exported/writing/statements.py",
        "models/exported/writing/structure.py",
        "models/exported/writing/symbolic.py",
        "models/prepacked/loading.py",
        "models/prepacked/operators.py",
        "models/reference/__main__.py",
        "models/reference/exactness.py",
        "models/reference/inputs.py",
        "models/reference/kernels.py",
        "models/reference/rounder.py",
        "models/reference/rounding.py",
        "models/reference/surroundings.py",
        "models/reference/originals.py",
        "models/reference/recorder.py",
        "libtorch/static_dispatch.py",
    }
)
"""Run in child processes of their own, so that every command starts fast and torch cannot hurt."""

MODULES: Final = tuple(sorted(BUILDER.rglob("*.py")))
FOLDERS: Final = tuple(sorted({path.parent for path in MODULES}))


def room(path: Path) -> str:
    """Return the top-level module or package of `builder` that a file belongs to."""
    first = path.relative_to(BUILDER).parts[0]
    return "builder" if first == "__init__.py" else first.removesuffix(".py")


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return the dotted name of every import in a file, wherever it stands."""
    names: list[str] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += (f"{module}.{alias.name}" for alias in node.names)
    return tuple(names)


@cache
def rooms(modules: tuple[Path, ...]) -> frozenset[str]:
    """Return the rooms that these files belong to."""
    return frozenset(map(room, modules))


@cache
def used_rooms(path: Path) -> frozenset[str]:
    """Return the rooms a file imports from, without its own and without constants."""
    parts = (name.split(".") for name in imports(path))
    names = {part[1] for part in parts if part[0] == "builder" and len(part) > 1}
    return rooms(MODULES) & names - {room(path)}


def arrows() -> dict[str, frozenset[str]]:
    """Return the rooms that each room imports from."""
    return {
        name: frozenset().union(*(used_rooms(it) for it in MODULES if room(it) == name))
        for name in rooms(MODULES)
    }


def side_by_side(folder: Path) -> dict[str, frozenset[str]]:
    """Return the modules and packages directly in a folder, and which of them each imports."""
    prefix = ".".join(("builder", *folder.relative_to(BUILDER).parts)) + "."
    files: dict[str, list[Path]] = {}
    for path in MODULES:
        if path.is_relative_to(folder) and path != folder / "__init__.py":
            name = path.relative_to(folder).parts[0].removesuffix(".py")
            files.setdefault(name, []).append(path)
    return {
        name: frozenset(
            known
            for path in paths
            for imported in imports(path)
            if imported.startswith(prefix)
            and (known := imported.removeprefix(prefix).split(".")[0]) in files
            and known != name
        )
        for name, paths in files.items()
    }


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def users(*libraries: str) -> set[Path]:
    """Return the modules that import one of these libraries."""
    return {path for path in MODULES if any(it.split(".")[0] in libraries for it in imports(path))}


def test_dependencies_point_down() -> None:
    above = {
        shown(path): sorted(wrong)
        for path in MODULES
        if (wrong := used_rooms(path) - ALLOWED.get(room(path), frozenset()))
    }
    assert not above, "these import what they are not allowed to"


def test_every_room_stands_in_the_table() -> None:
    assert rooms(MODULES) == ALLOWED.keys()


def test_the_rooms_can_be_kept_in_mind() -> None:
    found = arrows()
    assert len(found) <= MOST_ROOMS
    assert sum(map(len, found.values())) <= MOST_ARROWS


@pytest.mark.parametrize("folder", FOLDERS, ids=shown)
def test_a_folder_holds_few_modules_without_a_circle(folder: Path) -> None:
    found = side_by_side(folder)
    if folder != BUILDER:
        assert len(found) <= MOST_SIDE_BY_SIDE, sorted(found)
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        pytest.fail(f"{shown(folder)}: {' -> '.join(error.args[1])}")


def test_torch_stays_where_it_is_needed() -> None:
    assert users("torch", "torchgen") <= {BUILDER / name for name in TORCH_USERS}


def test_only_process_starts_programs() -> None:
    assert users("subprocess", "multiprocessing") == {BUILDER / "foundation" / "process.py"}


def test_no_name_is_one_that_others_know_otherwise() -> None:
    paths = (path.relative_to(BUILDER).with_suffix("") for path in MODULES)
    own = {part for path in paths for part in path.parts} - {"__init__", "__main__"}
    assert not own & sys.stdlib_module_names
    # folders of these names are left out by git ignores, packers and pytest
    assert not own & {"build", "dist", "env", "venv", "node_modules"}
    assert not own & {"utils", "helpers", "common", "misc", "values", "running", "manager"}


def test_every_module_says_what_it_is_for() -> None:
    assert not [shown(path) for path in MODULES if not ast.get_docstring(parsed(path))]


def test_the_checkout_holds_no_copy_of_the_shipped_files() -> None:
    assert not (BUILDER / "_data").exists()


@pytest.mark.parametrize("folder", ["templates", "cmake", "native", "examples"])
def test_data_folders_are_not_packages(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_the_table_sees_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "source" / "git.py"
    module.parent.mkdir()
    module.write_text("def f():\n    from builder.proof import run\n", encoding="utf-8")
    (tmp_path / "proof.py").touch()
    monkeypatch.setattr(sys.modules[__name__], "BUILDER", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "MODULES", tuple(tmp_path.rglob("*.py")))
    assert used_rooms(module) - ALLOWED[room(module)] == {"proof"}


def test_a_circle_inside_a_room_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "one.py").write_text("from builder.source.two import x\n", encoding="utf-8")
    (folder / "two.py").write_text("from builder.source import one\n", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "BUILDER", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "MODULES", tuple(tmp_path.rglob("*.py")))
    with pytest.raises(CycleError):
        TopologicalSorter(side_by_side(folder)).prepare()
