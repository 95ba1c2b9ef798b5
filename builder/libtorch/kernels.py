"""Kernels of custom namespaces (`quantized::`): which files have them, and how we call them.

LibTorch registers them from constructors, as functions that no symbol names. We compile these files
with a header before them that turns each `m.impl("name", function)` into an exported function of
its own: the closure follows those that are selected, and nothing is registered with a dispatcher.
Kernels of our own have such a function from the start.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.operators import OperatorName

KERNEL_FILES: Final = (
    "aten/src/ATen/native/RNN.cpp",
    "aten/src/ATen/native/quantized/*.cpp",
    "aten/src/ATen/native/quantized/cpu/*.cpp",
)
"""Globs below the root of PyTorch: where custom namespaces are implemented for the CPU."""

SCHEMA_FILES: Final = (
    "aten/src/ATen/native/quantized/library.cpp",
    "aten/src/ATen/native/RNN.cpp",
)

_KEYS: Final = frozenset({"CPU", "QuantizedCPU", "CatchAll"})
_BLOCK: Final = re.compile(
    r"^TORCH_LIBRARY_IMPL\((\w+),\s*(\w+),\s*m\)\s*\{(.*?)^\}", re.MULTILINE | re.DOTALL
)
_IMPL: Final = re.compile(r'm\.impl\(\s*(?:TORCH_SELECTIVE_NAME\()?"([^"]+)"\)?\s*,')
_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WRAPPED: Final = re.compile(r"TORCH_FN\((.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Kernel:
    """One implementation. `function` is the C++ expression, `symbol` what we export it as."""

    name: OperatorName
    function: str

    @property
    def symbol(self) -> str:
        """Return a C name that is one to one with the operator."""
        return kernel_symbol(self.name)


@dataclass(frozen=True, slots=True)
class Block:
    """One `TORCH_LIBRARY_IMPL`: the line it stands in and the kernels to export, often none."""

    line: int
    kernels: tuple[Kernel, ...]


@dataclass(frozen=True, slots=True)
class CustomClass:
    """A TorchBind class a runtime can have: how to have it registered, in C++."""

    name: str
    declaration: str = ""
    registration: str = ""


def known_classes() -> tuple[CustomClass, ...]:
    """Return every class of `data/classes.toml`."""
    table = tomllib.loads((DATA / "classes.toml").read_text())
    return tuple(CustomClass(**row) for row in table["class"])


@cache
def own_kernels() -> Mapping[str, tuple[str, ...]]:
    """Return the schemas that sources of ours implement, by the source: `data/kernels.toml`."""
    files = tomllib.loads((DATA / "kernels.toml").read_text(encoding="utf-8"))["file"]
    return MappingProxyType({f"native:{it['source']}": tuple(it["schemas"]) for it in files})


def find_kernels(root: Path) -> dict[str, tuple[Block, ...]]:
    """Return the blocks of every file below `root` that has some, by the file's path."""
    found: dict[str, tuple[Block, ...]] = {}
    for pattern in KERNEL_FILES:
        for path in sorted(root.glob(pattern)):
            if blocks := tuple(parse_blocks(path.read_text())):
                found[path.relative_to(root).as_posix()] = blocks
    return found


def parse_blocks(text: str) -> Iterator[Block]:
    """Read the registrations of one file; an operator that is there twice is exported once.

    Where an operator has implementations for several keys they are one and the same in LibTorch.
    """
    seen: set[OperatorName] = set()
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        kernels: list[Kernel] = []
        for kernel in _kernels(match[3]) if match[2] in _KEYS else ():
            if kernel.name not in seen:
                seen.add(kernel.name)
                kernels.append(kernel)
        yield Block(line, tuple(kernels))


def _kernels(body: str) -> Iterator[Kernel]:
    body = _COMMENT.sub("", body)
    for match in _IMPL.finditer(body):
        function = " ".join(_argument(body, match.end()).split())
        if wrapped := _WRAPPED.fullmatch(function):
            function = wrapped[1]
        yield Kernel(OperatorName.parse(match[1]), function)


def _argument(text: str, start: int) -> str:
    """Return the text up to the parenthesis that closes the call."""
    depth = 1
    for position in range(start, len(text)):
        depth += (text[position] in "({[") - (text[position] in ")}]")
        if depth == 0:
            return text[start:position]
    return text[start:]
