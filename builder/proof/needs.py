"""The static check: does a runtime hold what a model needs? Nothing is run for it."""

from collections.abc import Iterator

from builder.libtorch.cuts import features_touched, operator_word
from builder.vocabulary.models import Model
from builder.vocabulary.operators import Holdings, OperatorName, Selection


def unmet_needs(model: Model, needs: Selection, held: Holdings) -> tuple[str, ...]:
    """Return everything a model needs that a runtime does not hold, one sentence each.

    `needs` is the selection of this model alone: it has the operators that upgrading the model
    brings with it, too.
    """
    return (
        *_versions(model, held),
        *_operators(model, needs, held),
        *(f"class {name}: not in this runtime" for name in sorted(needs.classes - held.classes)),
        *(
            f"opcode {name}: not known to this runtime"
            for name in sorted(needs.opcodes - held.opcodes)
        ),
        *_features(needs, held),
        *(
            f"dtype {name}: tensors of the model have it, no kernel here was compiled for it"
            for name in sorted(needs.dtypes - held.dtypes)
        ),
    )


def _versions(model: Model, held: Holdings) -> Iterator[str]:
    for what, version, (lowest, highest) in (
        ("bytecode version", model.bytecode_version, held.bytecode_versions),
        ("operator version", model.operator_version, held.operator_versions),
    ):
        if not lowest <= version <= highest:
            yield f"{what} {version}: this runtime reads {lowest} to {highest}"


def _operators(model: Model, needs: Selection, held: Holdings) -> Iterator[str]:
    takes = {use.name: use.arguments for use in held.operators}
    for name in sorted(needs.names):
        if name not in takes:
            callers = _callers(model, name, -1) or "the upgraded model"
            yield f"operator {name}: not in this runtime; called by {callers}"
        elif (most := takes[name]) is not None and (callers := _callers(model, name, most)):
            given = max(it for it in _arguments(model, name) if it is not None)
            yield f"operator {name}: called with {given} arguments by {callers}, takes {most} here"
    if needs.upgraders and not held.upgraders:
        yield (
            f"upgraders: what operators meant at operator version {model.operator_version} is not"
            " in this runtime"
        )


def _callers(model: Model, name: OperatorName, more_than: int) -> str:
    """Return the methods that call an operator with more than so many arguments."""
    found = (
        method.name.removeprefix("__torch__.")
        for method in model.methods
        if any(use.name == name and (use.arguments or 0) > more_than for use in method.operators)
    )
    return ", ".join(found)


def _arguments(model: Model, name: OperatorName) -> Iterator[int | None]:
    for method in model.methods:
        yield from (use.arguments for use in method.operators if use.name == name)


def _features(needs: Selection, held: Holdings) -> Iterator[str]:
    """Yield what is there in name only: its feature was cut.

    Operators, classes and dtypes of the feature are missing then and told already, except for
    operators of the interpreter itself, which are always registered.
    """
    always = {operator_word(use.name): use.name for use in held.operators}
    for feature, words in sorted(features_touched(needs).items()):
        told = [
            f"operator {always[word]}" if word in always else word
            for word in words
            if word in always or word.startswith("opcode ")
        ]
        if feature in held.left_out and told:
            yield f"{', '.join(told)}: {feature} was left out of this runtime"
