"""The source in an archive as syntax trees: bounded before it is parsed, one file at a time.

TorchScript prints a part of Python. What Python cannot parse, torch still may: it is asked then.
"""

import ast
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from builder.models.torchscript.graphs.nodes import Place
from builder.models.torchscript.signatures.kinds import UnsureError

MAX_FILE: Final = 4 << 20  # bytes
MAX_TOTAL: Final = 12 << 20
_MAX_OPEN: Final = 60  # brackets; Python itself takes 200
_FOLDER: Final = "code/"
_OPENING: Final = b"([{"
_CLOSING: Final = b")]}"

Definition = ast.ClassDef | ast.FunctionDef


class SourceFile:
    """One file: what it defines by name, and where things stand in it."""

    def __init__(self, record: str, text: bytes) -> None:
        """Parse it; raise `UnsureError` for what is no Python."""
        self.record = record
        self.definitions = {it.name: it for it in _statements(text)}
        self._starts = [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Return where a node begins, without the brackets it may stand in."""
        while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
        return Place(self.record, self._starts[node.lineno - 1] + node.col_offset)


class Sources:
    """The files of an archive, parsed when a name in them is asked for."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        """Take what returns the content of a record, None where there is none."""
        self._read = read
        self._files: dict[str, SourceFile | None] = {}
        self._total = 0

    def file_of(self, qualifier: str) -> SourceFile | None:
        """Return the file of the names that begin with `qualifier`; None where there is none."""
        if qualifier not in self._files:
            record = f"{_FOLDER}{qualifier.replace('.', '/')}.py"
            text = self._read(record) if qualifier else None
            self._files[qualifier] = None if text is None else self._parsed(record, text)
        return self._files[qualifier]

    def _parsed(self, record: str, text: bytes) -> SourceFile:
        self._total += len(text)
        if len(text) > MAX_FILE or self._total > MAX_TOTAL:
            raise UnsureError("its source is too long")
        return SourceFile(record, text)


def _statements(text: bytes) -> list[Definition]:
    if _deepest(text) > _MAX_OPEN:
        raise UnsureError("its source nests too deeply")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UnsureError("its source is not what Python can parse") from error
    found: list[Definition] = []
    for statement in tree.body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef():
                found.append(statement)
            case ast.Import() | ast.ImportFrom():
                pass
            case ast.Assign(targets=[ast.Name("op_version_set")]):
                pass
            case _:
                raise UnsureError("its source has a statement where none can be")
    return found


def _deepest(text: bytes) -> int:
    """Return how many brackets are open at once at most, those in texts among them."""
    deepest = depth = 0
    for letter in text:
        if letter in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif letter in _CLOSING:
            depth -= 1
    return deepest
