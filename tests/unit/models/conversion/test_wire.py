"""Tables of a flatbuffer: every offset and length is checked, and what is shared is bounded."""

import pytest

from builder.models.conversion import wire
from builder.models.conversion.wire import Table, Wire
from builder.models.formats.faults import MalformedError
from tests.unit.models.conversion.forge import U32, table


def root(*fields: bytes) -> Table:
    return Wire(table(*fields)).root()


def test_a_table_has_its_fields() -> None:
    found = root(U32.pack(7), b"\0\0\0\0")
    assert found.number(0, U32) == 7
    assert (found.number(5, U32, 3), found.text(5), found.table(5)) == (3, "", None)
    assert (found.texts(5), found.numbers(5, U32), bytes(found.raw(5))) == ([], [], b"")
    with pytest.raises(MalformedError, match="lacks a value"):
        found.required(5)


@pytest.mark.parametrize("offset", [0xFFFFFFFF, 1 << 31, 1000, 5])
def test_offsets_that_lead_out_of_the_file_are_refused(offset: int) -> None:
    found = root(U32.pack(offset))
    for look in (found.text, found.required, found.texts, found.raw):
        with pytest.raises(MalformedError, match=r"outside|beyond"):
            look(0)


def test_claimed_lengths_are_not_believed() -> None:
    found = root(U32.pack(4), U32.pack(1_000_000_000))
    for look in (found.text, found.texts, found.raw):
        with pytest.raises(MalformedError, match="reaches beyond the file"):
            look(0)


@pytest.mark.parametrize("start", [b"", b"\0", b"\0\0\0\0PTMF", b"\xff\xff\xff\xffPTMF" * 3])
def test_roots_that_are_not_there_are_refused(start: bytes) -> None:
    with pytest.raises(MalformedError):
        Wire(start).root()


def test_text_and_items_are_bounded_however_often_they_are_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "MAX_TEXT", 10)
    found = root(U32.pack(4), U32.pack(4) + b"text" + bytes(4))
    assert found.text(0) == found.text(0) == "text"
    with pytest.raises(MalformedError, match="MiB of text"):
        found.text(0)
    monkeypatch.setattr(wire, "MAX_ITEMS", 20)
    found = root(U32.pack(4), U32.pack(4) + b"text" + bytes(4))
    with pytest.raises(MalformedError, match="more than 20 values"):
        list(map(found.raw, [0] * 20))
