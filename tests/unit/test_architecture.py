"""The layers of HOUSE_STYLE: dependencies point down only, and every effect has one door."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BUILDER: Final = ROOT / "builder"

VOCABULARY: Final = frozenset({"errors", "model", "targets", "values"})
FOUNDATION: Final = VOCABULARY | {"process", "files", "resources", "elf"}
"""What a stage may import; the two doors for effects, and what is shared by all."""

FOUNDATION_IMPORTS: Final = {
    "errors": frozenset[str](),
    "model": frozenset[str](),
    "values": frozenset[str](),
    "targets": frozenset({"errors", "model"}),
    "process": frozenset({"errors"}),
    "files": frozenset({"errors", "model"}),
    "resources": frozenset[str](),
    "elf": frozenset({"errors", "model", "targets"}),
}
KNOWLEDGE: Final = frozenset(
    {"candidates", "catalogue", "closure", "cuts", "kernels", "locations", "search", "symbols"}
)
"""What is known about LibTorch: values several stages share, read from the foundation alone."""

PURE: Final = frozenset({"config"})
"""Above the stages' foundation, yet without effects: the vocabulary only."""

COMPOSITION: Final = frozenset({"pipeline", "commands", "console", "cli", "__main__"})
"""The only modules that may import stages. Everything not named here is a stage."""

TORCH_USERS: Final = frozenset({"introspect", "reference", "static_dispatch"})
MODULES: Final = tuple(sorted(BUILDER.rglob("*.py")))


def unit(path: Path) -> str:
    """Return the top-level module or package of `builder` that a file belongs to."""
    first = path.relative_to(BUILDER).parts[0]
    return "builder" if first == "__init__.py" else first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def used_units(path: Path) -> frozenset[str]:
    """Return the units of `builder` a file imports, without its own and without constants."""
    parts = (name.split(".") for name in imports(path))
    names = {part[1] for part in parts if part[0] == "builder" and len(part) > 1}
    known = {unit(module) for module in MODULES}
    return frozenset(names & known) - {unit(path)}


def allowed(name: str) -> frozenset[str]:
    """Return what a unit may import from the rest of `builder`."""
    if name in COMPOSITION:
        return frozenset(unit(module) for module in MODULES)
    if name in PURE:
        return VOCABULARY
    if name in KNOWLEDGE:
        return FOUNDATION | {"closure", "candidates", "catalogue", "search", "symbols"}
    return FOUNDATION_IMPORTS.get(name, FOUNDATION | KNOWLEDGE)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_dependencies_point_down(path: Path) -> None:
    above = used_units(path) - allowed(unit(path))
    assert not above, f"{shown(path)} is not allowed to import {sorted(above)}"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_torch_stays_where_it_is_needed(path: Path) -> None:
    uses = any(name.split(".")[0] in {"torch", "torchgen"} for name in imports(path))
    assert not uses or unit(path) in TORCH_USERS


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_only_process_starts_programs(path: Path) -> None:
    uses = any(name.split(".")[0] in {"subprocess", "multiprocessing"} for name in imports(path))
    assert not uses or unit(path) == "process"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_name_shadows_the_standard_library(path: Path) -> None:
    own = {path.stem, *path.relative_to(BUILDER).parent.parts} - {"__init__", "__main__"}
    assert not own & sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_the_checkout_holds_no_copy_of_the_shipped_files() -> None:
    assert not (BUILDER / "_data").exists()


@pytest.mark.parametrize("folder", ["templates", "cmake", "native", "examples"])
def test_data_folders_are_not_packages(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_the_table_sees_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "source.py"
    module.write_text("def f():\n    from builder.plan import make_plan\n", encoding="utf-8")
    (tmp_path / "plan.py").touch()
    monkeypatch.setattr(sys.modules[__name__], "BUILDER", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "MODULES", tuple(tmp_path.glob("*.py")))
    assert used_units(module) - allowed(unit(module)) == {"plan"}
