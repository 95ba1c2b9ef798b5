from dataclasses import replace
from pathlib import Path

import pytest

from builder.commands.inspecting.prediction import predict_size
from builder.commands.inspecting.what_if import changed
from builder.vocabulary.errors import UsageError
from builder.vocabulary.operators import SelectedOperator, Selection
from builder.vocabulary.plan import Isa
from tests.unit.commands.inspecting.test_prediction import ADD, GELU, LINUX, question

BOTH = question(LINUX, ADD, GELU)


def no_more(path: Path) -> Selection:
    raise AssertionError(path)


def test_an_operator_is_dropped() -> None:
    less = changed(BOTH, "drop=aten::gelu", no_more)
    assert less.selection.names == {ADD}
    before, after = predict_size(BOTH), predict_size(less)
    assert before is not None
    assert after is not None
    gone = next(it.alone for it in before.operators if it.name == "aten::gelu")
    assert before.size - after.size == pytest.approx(gone, abs=64)


def test_a_model_is_added() -> None:
    asked: list[Path] = []

    def select_with(path: Path) -> Selection:
        asked.append(path)
        return Selection((SelectedOperator(GELU),))

    assert changed(BOTH, "add=more.pt", select_with).selection.names == {GELU}
    assert asked == [Path("more.pt")]


def test_another_goal_has_other_instruction_sets() -> None:
    assert changed(replace(BOTH, isa=Isa.FEW), "optimize=speed", no_more).isa is Isa.AVX512


def test_instruction_sets_that_were_named_stay_with_another_goal() -> None:
    named = replace(BOTH, isa=Isa.FEW)
    assert changed(named, "optimize=speed", no_more, Isa.FEW) == named


@pytest.mark.parametrize("change", ["", "drop", "drop=", "add=", "optimize=fame", "remove=aten::x"])
def test_what_is_no_change_is_refused(change: str) -> None:
    with pytest.raises(UsageError, match="no change"):
        changed(BOTH, change, no_more)


def test_an_operator_that_is_not_called_cannot_be_dropped() -> None:
    with pytest.raises(UsageError, match="did you mean aten::gelu"):
        changed(BOTH, "drop=aten::gelo", no_more)
