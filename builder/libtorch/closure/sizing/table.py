"""The file of a size graph, with the runtime it was measured against."""

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from builder.libtorch.closure.sizing.graph import SizeGraph
from builder.libtorch.closure.sizing.weights import Weight

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Base:
    """A runtime that was really linked, with few operators: what it weighs, and how large it is.

    `operators` is how many it registers, and `each` what registering one more weighs. `error` is
    how far predictions are off at most, as a part of what lies above it.
    """

    size: int
    weight: Weight
    operators: int
    each: Weight
    error: float


@dataclass(frozen=True, slots=True)
class SizeTable:
    """A size graph, and the runtime of each platform that was measured."""

    graph: SizeGraph
    bases: dict[str, Base]

    def to_bytes(self) -> bytes:
        """Return a compressed, stable form that `from_bytes` reads."""
        names = sorted(self.graph.names)
        document = {
            "version": _VERSION,
            "bases": {name: _base_document(it) for name, it in sorted(self.bases.items())},
            "content": [it.content for it in self.graph.weights],
            "frames": [it.frames for it in self.graph.weights],
            "words": [it.words for it in self.graph.weights],
            "leads": [_differences(it) for it in self.graph.leads],
            "names": names,
            "nodes": [self.graph.names[it] for it in names],
            "sources": sorted(self.graph.sources),
        }
        text = json.dumps(document, separators=(",", ":"))
        return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)

    @staticmethod
    def from_bytes(data: bytes) -> "SizeTable":
        """Read what `to_bytes` wrote; raise `ValueError` on anything else."""
        try:
            document = json.loads(lzma.decompress(data))
        except (lzma.LZMAError, EOFError) as error:
            message = f"not a size graph: {error}"
            raise ValueError(message) from error
        if document.get("version") != _VERSION:
            message = f"unknown version of the size graph: {document.get('version')}"
            raise ValueError(message)
        columns = zip(document["content"], document["frames"], document["words"], strict=True)
        graph = SizeGraph(
            tuple(Weight(*row) for row in columns),
            tuple(_sums(it) for it in document["leads"]),
            dict(zip(document["names"], document["nodes"], strict=True)),
            frozenset(document["sources"]),
        )
        return SizeTable(graph, {name: _read_base(it) for name, it in document["bases"].items()})


def _base_document(base: Base) -> dict[str, Any]:
    return {
        "size": base.size,
        "weight": _row(base.weight),
        "operators": base.operators,
        "each": _row(base.each),
        "error": base.error,
    }


def _read_base(row: dict[str, Any]) -> Base:
    weight, each = Weight(*row["weight"]), Weight(*row["each"])
    return Base(row["size"], weight, row["operators"], each, row["error"])


def _row(weight: Weight) -> list[int]:
    return [weight.content, weight.frames, weight.words]


def _differences(numbers: Sequence[int]) -> list[int]:
    """Return the first number, and how much larger each other is: they compress better."""
    return [*numbers[:1], *(after - before for before, after in pairwise(numbers))]


def _sums(differences: Sequence[int]) -> tuple[int, ...]:
    found: list[int] = []
    for it in differences:
        found.append(it + (found[-1] if found else 0))
    return tuple(found)


def read_sizes(path: Path) -> SizeTable | None:
    """Read a size graph; an absent or a damaged one is None, as it is only advice."""
    try:
        return SizeTable.from_bytes(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
