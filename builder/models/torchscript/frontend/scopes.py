"""The variables of a function, by block: what a name stands for where it is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from builder.models.torchscript.frontend.program import Definition
from builder.models.torchscript.graphs.nodes import Value
from builder.models.torchscript.signatures.kinds import Type


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is called by its name."""

    definition: Definition


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a value."""

    value: Value
    name: str


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class that is made an object of."""

    type: Type


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator, as `aten::add`."""

    base: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """The beginning of a name, as `torch` or `__torch__.models`."""

    name: str


Meaning = Value | Function | Method | ClassName | Operator | Namespace


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that holds a value; it may be said to be of a wider type."""

    value: Value
    type: Type


@dataclass(slots=True)
class Scope:
    """The names that are set in one block, inside of those of the blocks around it."""

    parent: "Scope | None" = None
    variables: dict[str, Variable] = field(default_factory=dict)
    others: dict[str, Meaning] = field(default_factory=dict)

    def outwards(self) -> "Iterator[Scope]":
        """Yield this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def variable(self, name: str) -> Variable | None:
        """Return what a variable holds."""
        return next((it.variables[name] for it in self.outwards() if name in it.variables), None)

    def outer(self, name: str) -> Variable | None:
        """Return what a variable holds in the blocks around this one."""
        return None if self.parent is None else self.parent.variable(name)

    def other(self, name: str) -> Meaning | None:
        """Return what else a name stands for."""
        return next((it.others[name] for it in self.outwards() if name in it.others), None)
