"""What was changed comes back from the cache as it was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.conversion.record import Changes, read_changes, to_json
from builder.vocabulary.models import Repair

REPAIRS = st.lists(st.builds(Repair, st.text(), st.text(), st.integers(1))).map(tuple)
CHANGES = st.builds(Changes, REPAIRS, REPAIRS, st.lists(st.text()).map(tuple))


@given(changes=CHANGES)
def test_changes_come_back(tmp_path_factory: pytest.TempPathFactory, changes: Changes) -> None:
    path = tmp_path_factory.getbasetemp() / "net.changes"
    path.write_text(to_json(changes), encoding="utf-8")
    assert read_changes(path) == changes
    assert bool(changes) == any((changes.repairs, changes.rewrites, changes.notes))


def test_no_file_means_no_changes(tmp_path: Path) -> None:
    assert read_changes(tmp_path / "net.changes") == Changes()


@pytest.mark.parametrize("text", ["[]", "{}", '{"repairs": [1], "rewrites": [], "notes": []}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.changes"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="change"):
        read_changes(path)


@pytest.mark.parametrize(("count", "text"), [(1, "once"), (3, "3 times")])
def test_people_read_how_often(count: int, text: str) -> None:
    assert str(Repair("gradients", "no_grad removed", count)) == f"no_grad removed ({text})"
