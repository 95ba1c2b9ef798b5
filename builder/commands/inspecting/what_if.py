"""A question about sizes, asked again with one thing changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.commands.inspecting.prediction import Question
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import Goal, Isa

KINDS: Final = ("drop", "add", "optimize")

SelectWith = Callable[[Path], Selection]
"""From one more model to what all models together ask for."""


def changed(
    question: Question, change: str, select_with: SelectWith, isa: Isa = Isa.AUTO
) -> Question:
    """Return a question with one change: `drop=aten::x`, `add=model.pt` or `optimize=speed`.

    `isa` is that of the settings: only `auto` is what a goal asks for.
    """
    kind, _, value = change.partition("=")
    match kind:
        case "drop" if value:
            return replace(question, selection=_without(question.selection, value))
        case "add" if value:
            return replace(question, selection=select_with(Path(value)))
        case "optimize" if value in tuple(Goal):
            return replace(question, isa=isa.resolved(Goal(value)))
        case _:
            raise UsageError(
                f"no change: {change!r}",
                hint=f"drop=OPERATOR, add=MODEL, or optimize={'|'.join(Goal)}",
            )


def _without(selection: Selection, name: str) -> Selection:
    known = {str(it.name) for it in selection.operators}
    if name not in known:
        raise UsageError(
            f"the models do not call {name}{did_you_mean(name, known)}",
            hint="`build-runtime inspect MODEL` lists what they call",
        )
    kept = tuple(it for it in selection.operators if str(it.name) != name)
    return replace(selection, operators=kept)
