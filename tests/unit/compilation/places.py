"""A project to configure, and a CMake that writes what the real one would."""

import json
from pathlib import Path, PurePosixPath
from typing import Final

from builder.compilation.workspace import Project
from builder.foundation.process import Command, Completed
from builder.libtorch.candidates import Group
from builder.vocabulary.plan import GeneratedFile, SourceKind

GROUPS: Final = (
    Group("c10", SourceKind.CORE, "pytorch", "CXX", ("c10/a.cpp", "c10/b.cpp"), (), ()),
    Group("native", SourceKind.OWN, "native", "CXX", ("src/x.cpp",), (), ()),
)
FILES: Final = (GeneratedFile(PurePosixPath("CMakeLists.txt"), "project(x)\n"),)


class Steps:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, str]] = []
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)

    def compiled(self, done: int, known: int, name: str) -> None:
        self.seen.append((done, known, name))


def project(cache: Path, text: str = "project(x)\n") -> Project:
    """Return a project with one linked tree in the cache and one of ours."""
    for name in ("pytorch/c10/a.cpp", "pytorch/c10/b.cpp", "native/src/x.cpp"):
        path = cache.parent / "installed" / name if name.startswith("nat") else cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"// {name}\n", encoding="utf-8")
    files = (GeneratedFile(PurePosixPath("CMakeLists.txt"), text),)
    linked = (("pytorch", cache / "pytorch"),)
    return Project(files, linked, (("native", cache.parent / "installed" / "native"),))


def configured(command: Command) -> Completed:
    """Write what CMake does when it configures the groups."""
    build = Path(command.argv[command.argv.index("-B") + 1])
    (build / "CMakeFiles/4.1.0").mkdir(parents=True, exist_ok=True)
    (build / "CMakeFiles/4.1.0/CMakeSystem.cmake").write_text("include(/some/toolchain.cmake)")
    (build / "CMakeCache.txt").write_text(f"CMAKE_HOME_DIRECTORY={build}/project")
    (build / "build.ninja").touch()
    entries = [
        {
            "file": str(build / "tree" / group.component / source),
            "output": f"CMakeFiles/{group.name}.dir/tree/{group.component}/{source}.o",
            "command": (
                f"tools/cxx -O2 '-DX=\"a b\"' -Iproject/include -isystem tree/pytorch"
                f" -D{group.name} -Xclang -include-pch -Xclang CMakeFiles/p.o"
                f" -c tree/{group.component}/{source}"
                f" -o CMakeFiles/{group.name}.dir/tree/{group.component}/{source}.o"
            ),
        }
        for group in GROUPS
        for source in group.sources
    ]
    (build / "compile_commands.json").write_text(json.dumps(entries))
    return Completed(0, "", "")
