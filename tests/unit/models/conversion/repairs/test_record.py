"""What was repaired comes back from the cache as it was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.conversion.repairs.record import read_repairs, to_json
from builder.vocabulary.models import Repair

REPAIRS = st.lists(st.builds(Repair, st.text(), st.text(), st.integers(1)))


@given(repairs=REPAIRS)
def test_repairs_come_back(tmp_path_factory: pytest.TempPathFactory, repairs: list[Repair]) -> None:
    path = tmp_path_factory.getbasetemp() / "net.repairs"
    path.write_text(to_json(repairs), encoding="utf-8")
    assert read_repairs(path) == tuple(repairs)


def test_no_file_means_no_repairs(tmp_path: Path) -> None:
    assert read_repairs(tmp_path / "net.repairs") == ()


@pytest.mark.parametrize(("count", "text"), [(1, "once"), (3, "3 times")])
def test_people_read_how_often(count: int, text: str) -> None:
    assert str(Repair("gradients", "no_grad removed", count)) == f"no_grad removed ({text})"
