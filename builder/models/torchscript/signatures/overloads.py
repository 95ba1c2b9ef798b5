"""The overloads of each operator in the order in which the torch that converts registers them.

Of two that take the same arguments, torch means the first (`getAllOperatorsFor` in
`torch/csrc/jit/runtime/operator.cpp`). Schemas that the pinned release does not have, or has
otherwise, stand beside them.
"""

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from builder.foundation.resources import DATA
from builder.vocabulary.operators import OperatorName

FILE: Final = DATA / "overloads.json.xz"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Overloads:
    """`order` maps `aten::add` to its overloads; `schemas` are those of torch alone.

    `torch` is the version that was asked.
    """

    torch: str
    order: Mapping[str, Sequence[str]]
    schemas: Sequence[str]

    def followed_by(self, names: Iterable[OperatorName]) -> "Overloads":
        """Return these with more operators, registered after all others in the order given."""
        order = {name: list(overloads) for name, overloads in self.order.items()}
        for name in names:
            order.setdefault(f"{name.namespace}::{name.base}", []).append(name.overload)
        return replace(self, order=order)


def read_overloads() -> Overloads:
    """Return the table that ships."""
    document = json.loads(lzma.decompress(FILE.read_bytes()))
    return Overloads(document["torch"], document["order"], document["schemas"])


def to_bytes(torch: str, order: Mapping[str, Sequence[str]], schemas: Iterable[str]) -> bytes:
    """Return a compressed, stable form that `read_overloads` reads."""
    document = {
        "version": _VERSION,
        "torch": torch,
        "order": {name: list(order[name]) for name in sorted(order)},
        "schemas": sorted(schemas),
    }
    return lzma.compress(json.dumps(document, separators=(",", ":")).encode(), preset=9)
