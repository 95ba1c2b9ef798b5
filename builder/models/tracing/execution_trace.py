"""What a trace holds, and the JSON it is kept in."""

import json
from dataclasses import dataclass
from typing import Any, Final

from builder.vocabulary.operators import OperatorName

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Called:
    """An operator that bytecode called through torch's dispatcher, which knows its schema."""

    name: OperatorName
    count: int
    dtypes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Calls of an operator that only the interpreter knows: its overload is not recorded.

    `name` has no overload. `stack` holds the kinds of values on the interpreter's stack, the
    arguments of the call last: `Int`, `Tensor(float)`, `GenericList[Int]`; empty if not known.
    """

    name: OperatorName
    count: int
    stack: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """An operator that ran inside the kernels of others. `below` names those bytecode called."""

    name: OperatorName
    count: int
    below: tuple[str, ...]
    dtypes: frozenset[str]


@dataclass(frozen=True, slots=True, order=True)
class Made:
    """A dtype that was seen. `operator` first made it; empty: it came with inputs or weights.

    `below` is the operator of the bytecode it happened in, empty when that is `operator` itself.
    """

    dtype: str
    operator: str
    below: str

    def describe(self) -> str:
        """Return a few words for people."""
        if not self.operator:
            return f"{self.dtype}, of an input or a stored tensor"
        return f"{self.dtype}, made by {self.operator}" + (
            f" below {self.below}" if self.below else ""
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """What one model executed. `torch` is the version that ran it, on `cases` sets of inputs."""

    torch: str
    cases: int
    called: tuple[Called, ...]
    unnamed: tuple[Unnamed, ...]
    nested: tuple[Nested, ...]
    made: tuple[Made, ...]

    @property
    def dtypes(self) -> frozenset[str]:
        """Every dtype that any tensor had, by ATen's names."""
        return frozenset(it.dtype for it in self.made)

    @staticmethod
    def from_json(text: str) -> "Trace":
        """Read what the recorder wrote; raise `ValueError` for anything else."""
        document = json.loads(text)
        try:
            return _read(document)
        except (KeyError, TypeError, AttributeError) as error:
            message = f"not a trace: {error}"
            raise ValueError(message) from error


def _read(document: dict[str, Any]) -> Trace:
    if document["version"] != _VERSION:
        message = f"unknown version of a trace: {document['version']}"
        raise ValueError(message)
    return Trace(
        torch=str(document["torch"]),
        cases=int(document["cases"]),
        called=tuple(
            Called(OperatorName.parse(it["name"]), it["count"], frozenset(it["dtypes"]))
            for it in document["called"]
        ),
        unnamed=tuple(
            Unnamed(OperatorName.parse(it["name"]), it["count"], tuple(it["stack"]))
            for it in document["without_schema"]
        ),
        nested=tuple(
            Nested(
                OperatorName.parse(it["name"]),
                it["count"],
                tuple(it["below"]),
                frozenset(it["dtypes"]),
            )
            for it in document["nested"]
        ),
        made=tuple(Made(it["dtype"], it["operator"], it["below"]) for it in document["dtypes"]),
    )
