"""Flatbuffers as torch wrote them, and as an attacker would: read, or refused with a message."""

import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.models.conversion import flatbuffer, wire
from builder.models.conversion.flatbuffer import to_records
from builder.models.conversion.repack import convert, pack, read_flatbuffer
from builder.models.conversion.wire import Table, Wire
from builder.models.formats.faults import MalformedError
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import ModelFormat
from builder.vocabulary.operators import OperatorName
from tests.places import RECORDED

FILES: Final = RECORDED / "flatbuffer"
VALUES: Final = (FILES / "values.ff").read_bytes()
U32: Final = struct.Struct("<I")


@pytest.mark.parametrize("name", ["values", "stateful", "quantized"])
def test_a_flatbuffer_becomes_an_archive_that_is_read(tmp_path: Path, name: str) -> None:
    source = FILES / f"{name}.ff"
    model = read_flatbuffer(source, tmp_path)
    assert (model.name, model.source, model.format) == (name, source, ModelFormat.FLATBUFFER)
    assert model.path.is_relative_to(tmp_path)
    again = read_lite(model.path)
    assert (again.methods, again.weights) == (model.methods, model.weights)
    assert f"{model.root}.forward" in [it.name for it in model.exported]


def test_what_a_flatbuffer_says(tmp_path: Path) -> None:
    model = read_flatbuffer(FILES / "values.ff", tmp_path)
    assert OperatorName("aten", "linear") in model.operators
    assert model.dtypes == {"Float", "Long"}
    assert not model.debug_info
    packed = read_flatbuffer(FILES / "quantized.ff", tmp_path)
    assert packed.classes == {"quantized.LinearPackedParamsBase"}
    state = read_flatbuffer(FILES / "stateful.ff", tmp_path)
    assert {it.name.rpartition(".")[2] for it in state.exported} == {
        "__getstate__",
        "__setstate__",
        "forward",
    }


def test_records_are_aligned_and_equal_bytes_are_made_each_time() -> None:
    made = convert(VALUES, Path("values.ff"))
    assert made == convert(VALUES, Path("other.ff"))
    for name, content in to_records(VALUES).items():
        if name.startswith("data/"):
            assert made.index(bytes(content)) % 64 == 0 or len(content) < 16


def test_names_that_lead_out_of_the_archive_are_refused() -> None:
    with pytest.raises(MalformedError, match="forbidden name"):
        pack({"extra/../../evil": b""})


@given(st.integers(0, len(VALUES) - 1), st.integers(0, 255), st.integers(0, 3))
@settings(max_examples=2 * settings().max_examples)
def test_any_damage_is_read_or_refused(at: int, value: int, zeros: int) -> None:
    damaged = VALUES[:at] + bytes([value] * (zeros + 1)) + VALUES[at + zeros + 1 :]
    with suppress(ModelError):
        convert(damaged, Path("values.ff"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ModelError):
        convert(b"\x0c\0\0\0PTMF" + data, Path("values.ff"))


def test_every_cut_is_refused() -> None:
    for length in range(0, len(VALUES), 61):
        with pytest.raises(ModelError, match=r"cannot read net\.ff"):
            convert(VALUES[:length], Path("net.ff"))


def table(*fields: bytes) -> bytes:
    """Lay out a buffer whose root table has these fields, four bytes each."""
    slots = struct.pack(f"<2H{len(fields)}H", 4 + 2 * len(fields), 4 + 4 * len(fields),
                        *(4 + 4 * index for index in range(len(fields))))  # fmt: skip
    body = struct.pack("<i", len(slots)) + b"".join(fields)
    return U32.pack(8 + len(slots)) + b"PTMF" + slots + body


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


def test_depth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_DEPTH", 1)
    with pytest.raises(MalformedError, match="nests deeper than 1 levels"):
        to_records(VALUES)


def test_other_versions_are_refused() -> None:
    with pytest.raises(MalformedError, match="flatbuffer version 7"):
        to_records(table(U32.pack(7)))
