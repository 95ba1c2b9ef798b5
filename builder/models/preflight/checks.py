"""The checks themselves: everything about every model at once, from what is known of a source."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from builder.libtorch.catalogue import Catalogue, OperatorEntry, split_arguments
from builder.models.formats.identify import HOW_TO_REPAIR
from builder.models.preflight.foreign import (
    DEFINE,
    foreign_class,
    foreign_instruction,
    foreign_operator,
    safe,
    unimplemented,
    unknown_operator,
    use_of,
)
from builder.models.preflight.interpreter import Interpreter
from builder.models.preflight.problems import EXPORT_AGAIN, Problem, Use
from builder.models.preflight.stacks import Release, find_fault
from builder.vocabulary.errors import did_you_mean
from builder.vocabulary.models import Method, Model
from builder.vocabulary.operators import OperatorName, Selection, SourceLine

_PLAIN: Final = (
    "use plain tuples and numbers in what is exported: a named tuple stands alone, never in another"
    " type; data and batch sizes instead of a PackedSequence; constants instead of an enumeration"
)
_SAVE_AGAIN: Final = (
    "save it again with a newer torch: torch.jit.load(path)._save_for_lite_interpreter(new_path)"
)
_NO_METHOD: Final = (
    "export a module that has a forward; torch::save of C++ writes tensors without any code: save"
    " the module from Python instead"
)
_GUESSES: Final = 40  # of near names, for one selection
_LISTED: Final = 6  # overloads of an operator, in a message


def find_problems(
    models: Iterable[Model],
    selection: Selection,
    catalogue: Catalogue,
    interpreter: Interpreter,
) -> tuple[Problem, ...]:
    """Return everything the source cannot do for what is selected, in a stable order.

    `selection` is all that is asked for: that of the models, and of operator lists, which are named
    by their provenance and have no methods.
    """
    models = tuple(models)
    return (
        *_versions(models, interpreter),
        *_operators(models, selection, catalogue, interpreter),
        *_instructions(models, interpreter),
        *_classes(models, selection, interpreter),
        *_packed(models, interpreter),
        *_uncallable(models),
        *_unreadable(models),
        *_stacks(models, catalogue, interpreter),
    )


def _versions(models: Iterable[Model], interpreter: Interpreter) -> Iterator[Problem]:
    for model in models:
        for what, version, (oldest, newest) in (
            ("bytecode version", model.bytecode_version, interpreter.bytecode),
            ("operator set", model.operator_version, interpreter.operator_sets),
        ):
            if not oldest <= version <= newest:
                yield Problem(
                    "version", f"{what} {version}",
                    f"this source reads {oldest} to {newest}", (Use(model.name),),
                )  # fmt: skip


def _operators(
    models: tuple[Model, ...],
    selection: Selection,
    catalogue: Catalogue,
    interpreter: Interpreter,
) -> Iterator[Problem]:
    calls = _calls(models)
    near = _Near(catalogue)
    for selected in selection.operators:
        name = selected.name
        calling = calls.get(name, {})
        called_by = {use.model for use in calling}
        uses = (*calling, *(Use(model) for model in selected.models if model not in called_by))
        entry = catalogue.entries.get(name)
        if entry is None and name.namespace not in near.namespaces:
            yield foreign_operator(name, near.describe(name), uses)
        elif entry is None:
            do = EXPORT_AGAIN if calling else f"correct the name in {', '.join(selected.models)}"
            do = DEFINE if name.namespace in near.own else do
            yield unknown_operator(name, near.describe(name), uses, do)
        elif entry.place and not entry.kernel:
            yield unimplemented(entry, uses)
        elif (unlinked := interpreter.needs(name)) is not None:
            yield Problem(
                "operator", str(name),
                f"needs {unlinked.library}, which is not linked: it would fail when it runs",
                uses, unlinked.do,
            )  # fmt: skip
        else:
            yield from _miscounted(entry, calling)


def _miscounted(entry: OperatorEntry, calling: Mapping[Use, frozenset[int]]) -> Iterator[Problem]:
    wrong = {
        use: given
        for use, counts in calling.items()
        for given in sorted(counts)
        if not entry.accepts(given)
    }
    if wrong:
        given = max(wrong.values())
        takes = len(split_arguments(entry.schema))
        limit = f"takes {takes}" if given > takes else f"needs {entry.least_arguments}"
        yield Problem(
            "arguments", str(entry.name),
            f"called with {given} arguments, this source {limit}", tuple(wrong),
        )  # fmt: skip


class _Near:
    """The operators of a source that are near one it does not have."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Index the names by what may be right about a wrong one: its base, or its overload."""
        self.namespaces = {name.namespace for name in catalogue.entries}
        self.own = {name.namespace for name, it in catalogue.entries.items() if it.place}
        self._by_base: dict[tuple[str, str], list[str]] = {}
        self._by_overload: dict[str, list[str]] = {}
        for name in sorted(catalogue.entries):
            self._by_base.setdefault((name.namespace, name.base), []).append(str(name))
            self._by_overload.setdefault(name.overload, []).append(str(name))
        self._left = _GUESSES

    def describe(self, name: OperatorName) -> str:
        """Return ` (did you mean …?)`, or which overloads there are, or nothing."""
        others = self._by_base.get((name.namespace, name.base), [])
        self._left -= 1
        if self._left < 0:  # comparing takes 20 ms, and nobody reads hundreds
            return ""
        guess = did_you_mean(str(name), others or self._by_overload.get(name.overload, []))
        return guess or _overloads(others)


def _overloads(names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:_LISTED])
    rest = len(names) - _LISTED
    return f" (it has {shown}{f' and {rest} more' if rest > 0 else ''})"


def _calls(models: Iterable[Model]) -> Mapping[OperatorName, dict[Use, frozenset[int]]]:
    """Map each operator to its uses and the numbers of arguments each use gives it, if it tells."""
    found: dict[OperatorName, dict[Use, frozenset[int]]] = {}
    for model in models:
        for method in model.methods:
            for call in method.operators:
                counts = found.setdefault(call.name, {})
                given = frozenset(() if call.arguments is None else (call.arguments,))
                for use in _uses(model, method, call.lines):
                    counts[use] = counts.get(use, frozenset()) | given
    return found


def _uses(model: Model, method: Method, lines: Iterable[SourceLine] = ()) -> Iterator[Use]:
    """Yield a use for every line of the model's own source, or one without a line."""
    name = method.name.removeprefix("__torch__.")
    yield from [use_of(model.name, name, line) for line in lines] or [Use(model.name, name)]


def _instructions(models: Iterable[Model], interpreter: Interpreter) -> Iterator[Problem]:
    found: dict[str, list[Use]] = {}
    for model in models:
        for method in model.methods:
            for opcode in method.opcodes - interpreter.instructions:
                found.setdefault(opcode, []).extend(_uses(model, method))
    for opcode, uses in sorted(found.items()):
        yield foreign_instruction(opcode, tuple(uses))


def _unreadable(models: Iterable[Model]) -> Iterator[Problem]:
    found: dict[str, list[Use]] = {}
    for model in models:
        for method in model.methods:
            for what in method.unreadable:
                found.setdefault(what, []).extend(_uses(model, method))
    for what, uses in sorted(found.items()):
        yield Problem(
            "type", safe(what), "no lite interpreter reads it, torch's own neither",
            tuple(uses), _PLAIN,
        )  # fmt: skip


def _stacks(
    models: Iterable[Model], catalogue: Catalogue, interpreter: Interpreter
) -> Iterator[Problem]:
    for model in models:
        release = Release(catalogue, interpreter, model.operator_version)
        for method in model.methods:
            fault = None if method.code is None else find_fault(method.code, release)
            if fault is None:
                continue
            uses = tuple(_uses(model, method))
            if fault.operators:
                names = ", ".join(map(str, fault.operators))
                yield Problem("arguments", names, fault.reason, uses, _SAVE_AGAIN)
            else:
                yield Problem(
                    "bytecode", "the bytecode", f"{fault.reason}: it is damaged", uses,
                    HOW_TO_REPAIR,
                )  # fmt: skip


def _classes(
    models: Iterable[Model], selection: Selection, interpreter: Interpreter
) -> Iterator[Problem]:
    for name in sorted(selection.classes - interpreter.classes):
        users = tuple(Use(model.name) for model in models if name in model.classes)
        yield foreign_class(name, did_you_mean(name, interpreter.classes), users)


def _packed(models: Iterable[Model], interpreter: Interpreter) -> Iterator[Problem]:
    models = tuple(models)
    for it in interpreter.packings:
        wrong = {dtype for model in models for name, dtype in model.packed if name == it.name}
        for dtype in sorted(wrong - it.dtypes):
            users = tuple(Use(model.name) for model in models if (it.name, dtype) in model.packed)
            yield Problem("class", f"custom class {it.name} of {dtype}", it.why, users, it.do)


def _uncallable(models: Iterable[Model]) -> Iterator[Problem]:
    users = tuple(Use(model.name) for model in models if not model.exported)
    if users:
        yield Problem(
            "method", "methods", "there is none that an app could call: it holds tensors alone",
            users, _NO_METHOD,
        )  # fmt: skip
