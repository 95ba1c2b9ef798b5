"""Between lists and selections: what a list means for a source, and what changed between two."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from builder.libtorch.catalogue import Catalogue
from builder.models.lists.operator_list import ListedOperator, OperatorList
from builder.vocabulary.errors import UsageError
from builder.vocabulary.operators import LAYERS, OperatorName, SelectedOperator, Selection


def expand(listed: OperatorList, catalogue: Catalogue) -> OperatorList:
    """Write out every overload where all are asked for; what the source lacks stays as it is.

    Raise `UsageError` for a list that asks for all operators there are.
    """
    if listed.all_operators:
        raise UsageError(
            f"{_all(listed.debug_info)}: include_all_operators asks for everything there is",
            hint="name the operators that are needed; a runtime holds nothing else",
        )
    overloads: dict[tuple[str, str], list[OperatorName]] = {}
    for name in catalogue.entries:
        overloads.setdefault((name.namespace, name.base), []).append(name)
    operators: list[ListedOperator] = []
    for entry in listed.operators:
        if not entry.all_overloads or entry.name.overload:
            operators.append(replace(entry, all_overloads=False))
            continue
        found = overloads.get((entry.name.namespace, entry.name.base), [entry.name])
        operators += [replace(entry, name=name, all_overloads=False) for name in found]
    return replace(listed, operators=tuple(operators))


def to_selection(
    listed: OperatorList,
    *,
    instructions: Iterable[str],
    classes: Iterable[str],
    all_dtypes: frozenset[str],
) -> Selection:
    """Return what a runtime has to hold for a list whose overloads are written out.

    Only roots are registered: what kernels call besides is found by following them. `instructions`
    are all there are, for lists that do not know theirs: such a list may also mean every layer.
    `classes` are those that bare names may mean, and `all_dtypes` what a list gets that wants them
    all.
    """
    qualified = {name.rpartition(".")[2]: name for name in classes}
    dtypes = listed.dtypes | {dtype for _, dtype in listed.kernels}
    return Selection(
        operators=tuple(
            SelectedOperator(entry.name, tuple(sorted(entry.debug_info)))
            for entry in listed.operators
            if entry.root
        ),
        classes=frozenset(qualified.get(name, name) for name in listed.classes),
        dtypes=dtypes | all_dtypes if listed.all_others else dtypes,
        opcodes=frozenset(instructions) if listed.instructions is None else listed.instructions,
        upgraders=listed.upgraders,
        layers=LAYERS if listed.instructions is None else listed.layers,
    )


def from_selection(selection: Selection) -> OperatorList:
    """Return a selection as a list that says the same."""
    return OperatorList(
        operators=tuple(
            ListedOperator(name=it.name, debug_info=frozenset(it.models))
            for it in selection.operators
        ),
        debug_info=frozenset(model for it in selection.operators for model in it.models),
        classes=selection.classes,
        dtypes=selection.dtypes,
        upgraders=selection.upgraders,
        instructions=selection.opcodes,
        layers=selection.layers,
    )


def changes(before: OperatorList, after: OperatorList) -> tuple[str, ...]:
    """Return what differs between two lists, a line each; nothing when they mean the same."""
    old = {entry.name: entry for entry in before.operators}
    new = {entry.name: entry for entry in after.operators}
    return (
        *(
            f"+ {name}   needed by {_all(new[name].debug_info)}"
            for name in sorted(new.keys() - old)
        ),
        *(f"- {name}   was for {_all(old[name].debug_info)}" for name in sorted(old.keys() - new)),
        *_changed_entries(old, new),
        *_changed_sets(before, after),
    )


def _changed_entries(
    old: dict[OperatorName, ListedOperator], new: dict[OperatorName, ListedOperator]
) -> Iterator[str]:
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        if gained := after.debug_info - before.debug_info:
            yield f"~ {name}   now also needed by {_all(gained)}"
        if lost := before.debug_info - after.debug_info:
            yield f"~ {name}   no longer needed by {_all(lost)}"
        if replace(before, debug_info=after.debug_info) != after:
            yield f"~ {name}   has other flags"


def _changed_sets(before: OperatorList, after: OperatorList) -> Iterator[str]:
    for what, old, new in (
        ("class", before.classes, after.classes),
        ("dtype", before.dtypes, after.dtypes),
        ("feature", before.features, after.features),
        ("instruction", before.instructions or set(), after.instructions or set()),
        ("layer", before.layers, after.layers),
        ("kernel", set(map(" ".join, before.kernels)), set(map(" ".join, after.kernels))),
        ("kernel", set(map(" ".join, before.et_kernels)), set(map(" ".join, after.et_kernels))),
        ("model", before.debug_info, after.debug_info),
    ):
        yield from (f"+ {what} {name}" for name in sorted(new - old))
        yield from (f"- {what} {name}" for name in sorted(old - new))
    for what, was, now in (
        ("all operators", before.all_operators, after.all_operators),
        ("all dtypes, classes and features", before.all_others, after.all_others),
        ("operators of old models", before.upgraders, after.upgraders),
        ("unknown instructions", before.instructions is None, after.instructions is None),
    ):
        if was != now:
            yield f"{'+' if now else '-'} {what}"


def _all(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"
