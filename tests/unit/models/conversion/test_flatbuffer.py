"""Flatbuffers as torch wrote them, and as an attacker would: read, or refused with a message."""

import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.models.conversion import flatbuffer
from builder.models.conversion.flatbuffer import to_records
from builder.models.conversion.repack import convert, read_flatbuffer
from builder.models.conversion.wire import Wire
from builder.models.formats.faults import MalformedError
from builder.models.formats.packing import pack
from builder.models.formats.pickles import read_pickle
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import ModelFormat
from builder.vocabulary.operators import OperatorName
from tests.places import RECORDED
from tests.unit.models.conversion.forge import U32, table

FILES: Final = RECORDED / "flatbuffer"
VALUES: Final = (FILES / "values.ff").read_bytes()
U8: Final = struct.Struct("<B")
FUNCTION: Final = 16
"""The number of functions among the kinds of values."""
SCHEMA: Final = 6
"""The field of a function with its schema."""


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


def without_schema(data: bytes) -> bytes:
    """Take the schema, an optional field, out of each function of a flatbuffer."""
    cut = bytearray(data)
    root = Wire(data).root()
    for value in root.tables(4):
        if value.number(0, U8) == FUNCTION:
            slot = value.required(1)._slots + 4 + 2 * SCHEMA
            cut[slot : slot + 2] = b"\0\0"
    return bytes(cut)


@pytest.mark.parametrize("name", ["values", "stateful", "quantized"])
def test_functions_may_lack_their_schema(tmp_path: Path, name: str) -> None:
    """As those of upstream's `upgrader_models`: an archive of version 4 may, later ones may not."""
    whole = (FILES / f"{name}.ff").read_bytes()
    source = tmp_path / f"{name}.ff"
    source.write_bytes(without_schema(whole))
    assert source.read_bytes() != whole
    model = read_flatbuffer(source, tmp_path)
    expected = read_flatbuffer(FILES / f"{name}.ff", tmp_path)
    assert (model.bytecode_version, expected.bytecode_version) == (4, 8)
    assert (model.methods, model.weights) == (expected.methods, expected.weights)
    functions = read_pickle(bytes(to_records(source.read_bytes())["bytecode.pkl"])).value
    assert isinstance(functions, tuple)
    assert {len(it) for it in functions[1:]} == {2}


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


def test_depth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_DEPTH", 1)
    with pytest.raises(MalformedError, match="nests deeper than 1 levels"):
        to_records(VALUES)


def test_other_versions_are_refused() -> None:
    with pytest.raises(MalformedError, match="flatbuffer version 7"):
        to_records(table(U32.pack(7)))
