"""What a selection cannot reach and need not carry: calls replaced by a clear error."""

import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.closure.replacements import Replacement
from builder.libtorch.mangling import called_operator
from builder.vocabulary.operators import OperatorName, Selection
from builder.vocabulary.plan import ExtensionFile, Isa

WINOGRAD: Final = "Winograd convolutions"
"""The feature that a runtime asks for before it uses it."""

_OPCODE: Final = re.compile(r"\bopcode (\w+)")


@dataclass(frozen=True, slots=True)
class Cut:
    """One feature that is left out: regular expressions over operators and mangled names.

    `instructions` are those of the bytecode that need the feature, `kept_by` matches all that do.
    Where there is a `source` of ours, its functions stand in for those in `symbols`, and do what is
    left of them.
    """

    feature: str
    operators: str = ""
    symbols: str = ""
    instructions: tuple[str, ...] = ()
    source: str = ""
    kept_by: str = ""

    def covers(self, symbol: str) -> bool:
        """Whether a mangled name is a function of the feature, and nothing stands in for it."""
        if self.source:
            return False
        if self.symbols and re.search(self.symbols, symbol):
            return True
        operator = called_operator(symbol) if self.operators else None
        if operator is None or operator.startswith("is_"):
            return False
        return re.search(self.operators, operator) is not None


def active_cuts(
    selection: Selection, isa: Isa = Isa.AVX2, extension: Collection[ExtensionFile] = ()
) -> tuple[Cut, ...]:
    """Return the cuts that are sound for a selection: nothing in it touches the feature.

    `extension` are the files of the user's own C++ that a runtime takes: they may touch more.
    """
    stored = selection.layers if isa is not Isa.FEW else frozenset[str]()
    own = ["extension"] if extension else []
    touched = [*_words(selection), *own, f"isa {isa}", *(f"layer {it}" for it in stored)]
    kept = {row["feature"] for row in _table() if _matching(row, touched)}
    return tuple(_cut(row) for row in _table() if not _is_kept(row, kept))


def _is_kept(row: dict[str, str], kept: set[str]) -> bool:
    """Whether the feature of a row, or those that it goes with, are among the kept ones."""
    if "kept_with_all" in row and kept.issuperset(row["kept_with_all"].split("|")):
        return True
    return not kept.isdisjoint({row["feature"], *row.get("kept_with", "").split("|")})


def stand_ins(cuts: Iterable[Cut]) -> tuple[Replacement, ...]:
    """Return the functions of ours that do what is left of upstream's where features are cut."""
    return tuple(Replacement(f"native:{it.source}", it.symbols) for it in cuts if it.source)


def all_stand_ins() -> tuple[Replacement, ...]:
    """Return those of every cut, whatever is selected."""
    return stand_ins(all_cuts())


def all_cuts() -> tuple[Cut, ...]:
    """Return every cut, whether any selection allows it or not."""
    return tuple(map(_cut, _table()))


def _cut(row: dict[str, str]) -> Cut:
    return Cut(
        row["feature"],
        row.get("operators", ""),
        row.get("symbols", ""),
        tuple(_OPCODE.findall(row.get("kept_by", ""))),
        row.get("source", ""),
        row.get("kept_by", ""),
    )


def cut_instructions(cuts: Iterable[Cut]) -> tuple[str, ...]:
    """Return the instructions that cannot run when features are cut, sorted."""
    return tuple(sorted(name for cut in cuts for name in cut.instructions))


def cut_operators(cuts: Iterable[Cut], operators: Iterable[OperatorName]) -> tuple[str, ...]:
    """Return those of `operators` that cannot run when features are cut, sorted."""
    patterns = [cut.kept_by for cut in cuts if cut.kept_by]
    return tuple(
        sorted(
            str(name)
            for name in operators
            if any(re.search(it, operator_word(name)) for it in patterns)
        )
    )


def features_touched(selection: Selection) -> dict[str, tuple[str, ...]]:
    """Return the features a selection uses, and by what (`opcode FORMAT`)."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _table():
        if words := _matching(row, _words(selection)):
            found[row["feature"]] = words
    return found


def special_backends(selection: Selection) -> tuple[str, ...]:
    """Return the dispatch keys of the kinds of tensors a selection may meet besides dense ones."""
    touched = features_touched(selection)
    kept = (row for row in _table() if row["feature"] in touched)
    return tuple(key for row in kept for key in row.get("backends", "").split())


def _table() -> list[dict[str, str]]:
    rows = tomllib.loads((DATA / "cuts.toml").read_text())["cut"]
    assert isinstance(rows, list)
    return rows


def _matching(row: dict[str, str], words: Iterable[str]) -> tuple[str, ...]:
    """Return the words that keep the feature of a row, sorted."""
    if "kept_by" not in row:
        return ()
    return tuple(sorted(word for word in words if re.search(row["kept_by"], word)))


def _words(selection: Selection) -> list[str]:
    """Return what a selection has, as `kept_by` of the table names it."""
    return [
        *map(operator_word, selection.names),
        *(f"class {name}" for name in selection.classes),
        *(f"dtype {name}" for name in selection.dtypes),
        *(f"opcode {name}" for name in selection.opcodes),
    ]


def operator_word(name: OperatorName) -> str:
    """Return an operator as `kept_by` of the table names it: `aten add.Tensor`."""
    return str(name).replace("::", " ", 1)


def feature_of(symbol: str, cuts: Iterable[Cut]) -> str | None:
    """Return the feature a symbol belongs to, or None when it is not cut."""
    return next((cut.feature for cut in cuts if cut.covers(symbol)), None)
