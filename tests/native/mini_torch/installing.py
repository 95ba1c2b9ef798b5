"""Write mini_torch where a build finds it: its source tree, and the tool with its native code.

Everything of the tool is the real one, data and CMake logic included. It is copied beside the tiny
`native/` of this folder, as a wheel lays it out: so no test reaches into the tool.

By hand: `python -m tests.native.mini_torch.installing FOLDER` says how to build with it.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from builder.libtorch.candidates import UPSTREAM, read_rows
from builder.source.pins import Pin, pins
from builder.source.request import SourceRequest
from tests.places import ROOT

_HERE: Final = Path(__file__).parent
_TREE: Final = _HERE / "tree"
_FOREIGN_KNOWLEDGE: Final = "symbols*.xz"
"""The shipped index says which files of LibTorch define what: nothing about this library."""


def install_tool(folder: Path, *, root: Path = ROOT) -> Path:
    """Copy the tool of the checkout `root` to `folder`, with the native code of mini_torch."""
    left_out = shutil.ignore_patterns("__pycache__", _FOREIGN_KNOWLEDGE)
    for name in ("builder", "cmake", "java", "templates"):
        shutil.copytree(root / name, folder / name, ignore=left_out)
    shutil.copy(root / "LICENSE", folder / "LICENSE")
    shutil.copytree(_HERE / "native", folder / "native")
    for name in ("native/src/start", "native/vision"):
        shutil.copytree(root / name, folder / name)
    for row in read_rows():  # nothing is included before files that are not there
        for header in row.get("before", {}).values():
            path = folder / "native/src" / UPSTREAM / header
            path.parent.mkdir(exist_ok=True)
            path.touch()
    return folder


def write_tree(folder: Path) -> Path:
    """Write mini_torch as a checkout with the submodules that a release needs."""
    shutil.copytree(_TREE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for pin in pins(SourceRequest().version).components:
        _complete(pin, folder / pin.submodule)
    return folder


def _complete(pin: Pin, root: Path) -> None:
    """Write empty files where the pins demand some, and where a group would have no source."""
    for name in _lists(pin):
        source = f"src/{Path(name).stem}.c"
        _write(root / name, f"SET(PROD_SRCS\n  {source})\n")
        _write(root / source)
    wanted = {*pin.requires, "LICENSE"}
    wanted.update(_stand_in(patterns) for patterns in _groups(pin) if not _any(root, patterns))
    for name in sorted(wanted):
        if not (root / name).exists():
            _write(root / name)


def _write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _groups(pin: Pin) -> Iterator[list[str]]:
    return (row["sources"] for row in _rows(pin) if "sources" in row)


def _rows(pin: Pin) -> Iterator[dict[str, Any]]:
    return (row for row in read_rows() if row["component"] == pin.name)


def _lists(pin: Pin) -> Iterator[str]:
    """Yield the files that list sources for a group."""
    return (name for row in _rows(pin) for name in row.get("listed", []))


def _any(root: Path, patterns: list[str]) -> bool:
    return any(True for pattern in patterns for _ in root.glob(pattern))


def _stand_in(patterns: list[str]) -> str:
    return patterns[0].replace("**/", "").replace("*", "nothing")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    tool, source = install_tool(place / "tool"), write_tree(place / "source")
    words = f"{sys.executable} -m builder LIST --abi x86_64 --source {source}"
    sys.stdout.write(f"cd {tool} && BUILD_RUNTIME_CACHE_DIR={place / 'cache'} {words}\n")
