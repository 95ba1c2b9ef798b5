"""The project of a runtime in a folder of its own, which CMake and ninja build without the tool.

What is compiled and in which order it is linked was found out by a build: the project has exactly
these sources. So it gives the same bytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from builder.compilation.output import BuildOutput
from builder.compilation.project import (
    objects_context,
    render_objects,
    render_runtime,
    runtime_context,
)
from builder.compilation.templates import render
from builder.compilation.workspace import TREE, Project, texts
from builder.extensions.reading import Extension
from builder.foundation.files import replace_link, write_if_changed, write_tree
from builder.foundation.resources import CMAKE
from builder.libtorch.candidates import Group
from builder.libtorch.catalogue import Catalogue
from builder.vocabulary.plan import BuildPlan, GeneratedFile

_OF_A_STORE: Final = re.compile(r'^"[^"\n]*?(?=CMakeFiles/)', re.MULTILINE)
_LIBRARY: Final = re.compile(r'^"(\.\.?/[^"\n]+)"$', re.MULTILINE)
_ROOTS: Final = "CMakeFiles/roots.dir/"
_CONFIGURATION: Final = ("CMakeLists.txt", "initial-cache.cmake")
_OURS: Final = "BUILD_RUNTIME_CMAKE"
"""Where the logic is: a folder of this installation, and the project has its own."""


@dataclass(frozen=True, slots=True)
class Standalone:
    """What a project is made of: what was planned, and what its build came to.

    `selection` is the list of operators, as YAML.
    """

    plan: BuildPlan
    catalogue: Catalogue
    groups: tuple[Group, ...]
    extension: Extension
    manifest: str
    selection: str
    output: BuildOutput


def write_standalone(it: Standalone, root: Path) -> None:
    """Write the project into a folder; what else is there stays, but for what it generates."""
    groups = _linked(it.groups, it.output.linked)
    runtime = render_runtime(it.plan, it.catalogue, it.manifest, it.extension)
    store = render_objects(it.plan, groups)
    write_tree(_generated(store, runtime), root / "project")
    for file in (*_top(it, groups), *_settings(runtime)):
        write_if_changed(root / file.path, file.text)
    write_tree(_logic(), root / "cmake")
    for name, tree in runtime.linked:
        replace_link(root / TREE / name, tree.resolve())
    for name, tree in runtime.copied:
        write_tree(texts(tree), root / TREE / name)


def _linked(groups: Iterable[Group], linked: frozenset[str]) -> tuple[Group, ...]:
    """Return the groups with the sources that are linked alone."""
    found = (
        replace(group, sources=tuple(it for name, it in group.ids.items() if name in linked))
        for group in groups
    )
    return tuple(it for it in found if it.sources)


def _generated(store: Project, runtime: Project) -> Iterator[GeneratedFile]:
    """Yield what both projects generate; headers of a name are the same for both."""
    files = {it.path: it for project in (runtime, store) for it in project.files}
    yield from (it for path, it in files.items() if path.name not in _CONFIGURATION)


def _top(it: Standalone, groups: tuple[Group, ...]) -> Iterator[GeneratedFile]:
    """Yield what lies in the folder itself."""
    targets = [group.name for group in groups] + (["extension"] if it.extension.sources else [])
    context = {
        **runtime_context(it.plan, it.catalogue, it.manifest, it.extension),
        **objects_context(it.plan, groups),
        "fingerprint": it.plan.fingerprint[:12],
        "targets": targets,
    }
    yield render("standalone/CMakeLists.txt.j2", "CMakeLists.txt", context)
    toolchain = {"file": _toolchain(it.plan.toolchain.cmake_file)}
    yield render("standalone/toolchain.cmake.j2", "toolchain.cmake", toolchain)
    yield GeneratedFile(PurePosixPath("selected_operators.yaml"), it.selection)
    build = it.output.directory / "build"
    cuts = (build / "cuts.cpp").read_text(encoding="utf-8")
    yield GeneratedFile(PurePosixPath("cuts.cpp"), cuts)
    response = (build / "link.rsp").read_text(encoding="utf-8")
    yield GeneratedFile(PurePosixPath("link.rsp"), _response(response, build))


def _response(text: str, build: Path) -> str:
    """Return what to link: objects of this project, and libraries wherever it is built."""
    # CMake names objects by their sources, which here lie below neither the project nor its root
    own = _OF_A_STORE.sub('"', text).replace(_ROOTS, f"{_ROOTS}project/")
    return _LIBRARY.sub(lambda found: f'"{(build / found[1]).resolve()}"', own)


def _settings(runtime: Project) -> Iterator[GeneratedFile]:
    for file in runtime.files:
        if file.path.name == "initial-cache.cmake":
            lines = file.text.splitlines(keepends=True)
            kept = (it for it in lines if not it.startswith(f"set({_OURS} "))
            yield GeneratedFile(PurePosixPath("settings.cmake"), "".join(kept))


def _toolchain(file: Path) -> str:
    """Return how the project names a toolchain file: of ours it has a copy."""
    if file.is_relative_to(CMAKE):
        return f"${{CMAKE_CURRENT_LIST_DIR}}/cmake/{file.relative_to(CMAKE).as_posix()}"
    return str(file.resolve())


def _logic() -> Iterator[GeneratedFile]:
    for path in (*CMAKE.glob("BuildRuntime*.cmake"), *CMAKE.glob("toolchains/*.cmake")):
        place = PurePosixPath(path.relative_to(CMAKE).as_posix())
        yield GeneratedFile(place, path.read_text(encoding="utf-8"))
