"""What the code of a `.pt` names that cannot be had: told at once, whatever torch trips over first.

A name of an extension is refused before torch is started, as torch cannot load such a file. What
torch itself has may be dropped or replaced by the conversion: it is told when that has failed.
"""

from collections.abc import Callable, Container, Iterable
from typing import Final

from builder.libtorch.catalogue import Catalogue
from builder.models.preflight.foreign import (
    foreign_class,
    foreign_instruction,
    foreign_operator,
    unknown_operator,
    use_of,
)
from builder.models.preflight.interpreter import Interpreter, desktop_namespaces, operator_advice
from builder.models.preflight.problems import Problem, Use
from builder.models.reading.mentions import Mention, Named
from builder.vocabulary.operators import OperatorName

_ORDER: Final = tuple(Named)

Sought = Callable[[Named, str], bool]
"""Whether a kind and a name are what is looked for."""


def of_extensions(kind: Named, name: str) -> bool:
    """Whether code names something that no desktop torch has without loading an extension."""
    match kind:
        case Named.OPERATOR:
            return OperatorName.parse(name).namespace not in desktop_namespaces()
        case Named.CLASS:
            return name.partition(".")[0] not in desktop_namespaces()
        case Named.INSTRUCTION:
            return False


def beyond(
    catalogue: Catalogue, interpreter: Interpreter, instructions: Iterable[str] = ()
) -> Sought:
    """Return what tells names that a source lacks, and the given instructions.

    `prim::…` also stands for what the compiler makes something else of: of these only what is known
    to be in the way is told.
    """
    bases = {(it.namespace, it.base) for it in catalogue.entries}
    lacking = frozenset(instructions)

    def lacks(kind: Named, name: str) -> bool:
        match kind:
            case Named.OPERATOR:
                it = OperatorName.parse(name)
                translated = it.namespace == "prim" and operator_advice(name) is None
                return not translated and (it.namespace, it.base) not in bases
            case Named.CLASS:
                return name not in interpreter.classes
            case Named.INSTRUCTION:
                return name in lacking

    return lacks


def problems_of(
    model: str, mentions: Iterable[Mention], catalogue: Catalogue
) -> tuple[Problem, ...]:
    """Return one problem for each thing that is mentioned, with all its places."""
    found: dict[tuple[Named, str], dict[Use, None]] = {}
    for it in mentions:
        found.setdefault((it.kind, it.name), {})[use_of(model, it.method, it.line)] = None
    namespaces = {it.namespace for it in catalogue.entries}
    return tuple(
        _problem(kind, name, tuple(found[kind, name]), namespaces)
        for kind, name in sorted(found, key=lambda it: (_ORDER.index(it[0]), it[1]))
    )


def _problem(kind: Named, name: str, uses: tuple[Use, ...], namespaces: Container[str]) -> Problem:
    """Return what is wrong with a name. Torch printed it: nobody misspelled it."""
    match kind:
        case Named.OPERATOR:
            operator = OperatorName.parse(name)
            if operator.namespace in namespaces and operator_advice(name) is None:
                return unknown_operator(operator, "", uses)
            return foreign_operator(operator, "", uses)
        case Named.CLASS:
            return foreign_class(name, "", uses)
        case Named.INSTRUCTION:
            return foreign_instruction(name, uses)
