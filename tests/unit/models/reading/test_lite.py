"""Lite models made by hand: what is read from them, and one clear message for every bad file."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError, UsageError
from builder.vocabulary.models import ModelFormat
from tests.unit.models import forge


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_lite(path)
    assert caught.value.exit_code == 3
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_lite_model_is_read(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "net.ptl", forge.lite())
    model = read_lite(path)
    assert (model.name, model.source, model.path) == ("net", path, path)
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.format is ModelFormat.LITE
    assert (model.bytecode_version, model.operator_version) == (8, 10)
    assert [str(name) for name in model.operators] == ["aten::add.Tensor"]
    assert model.dtypes == {"Float"}
    assert not model.classes
    assert not model.bundled_inputs


def test_a_converted_model_remembers_its_source(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "x.ptl", forge.lite())
    model = read_lite(path, name="net", source=Path("net.pt"))
    assert (model.name, model.source, model.path) == ("net", Path("net.pt"), path)
    assert model.format is ModelFormat.TORCHSCRIPT


def test_bundled_inputs_are_seen(tmp_path: Path) -> None:
    bundled = forge.function("__torch__.Net.get_all_bundled_inputs")
    records = forge.lite() | {"bytecode.pkl": forge.bytecode(forge.function(), bundled)}
    assert read_lite(forge.write(tmp_path / "net.ptl", records)).bundled_inputs


def test_classes_of_stored_objects_are_seen(tmp_path: Path) -> None:
    packed = forge.made("__torch__.torch.classes.quantized", "LinearPackedParamsBase", (1,))
    records = forge.lite() | {"data.pkl": forge.module(packed=packed)}
    model = read_lite(forge.write(tmp_path / "net.ptl", records))
    assert model.classes == {"quantized.LinearPackedParamsBase"}


def test_the_newer_version_record_counts(tmp_path: Path) -> None:
    records = forge.lite() | {".data/version": b"3\n"}
    assert read_lite(forge.write(tmp_path / "net.ptl", records)).operator_version == 3


def test_tensors_of_bytecode_may_have_their_own_folder(tmp_path: Path) -> None:
    """Bytecode version 4 kept them under `bytecode/`, later versions share `constants/`."""
    code = forge.pickled((4, forge.function()[:2], forge.function("g")[:2]))
    constant = code.replace(
        forge.encoded(("constants", ())), forge.encoded(("constants", (forge.tensor(),)))
    )
    assert constant != code
    path = tmp_path / "net.ptl"
    assert "constants/0" in refused(forge.write(path, forge.lite() | {"bytecode.pkl": constant}))
    for folder in ("bytecode", "constants"):
        records = forge.lite() | {"bytecode.pkl": constant, f"{folder}/0": forge.FLOATS}
        assert read_lite(forge.write(path, records)).bytecode_version == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": b"11\n"}, "operator version 11, the runtime reads 1 to 10"),
        ({"version": b"many"}, "operator version many"),
        ({"version": "٣".encode()}, "operator version"),
        ({"byteorder": b"big"}, "big-endian"),
        ({"data/0": b"short"}, "net.ptl: the tensor data data/0 is missing or too short"),
        (
            {"data.pkl": forge.pickled(forge.name("os", "system"))},
            "data.pkl: it refers to os.system",
        ),
        ({"constants.pkl": forge.pickled(forge.name("builtins", "eval"))}, "builtins.eval"),
        ({"bytecode.pkl": b"junk"}, "bytecode.pkl: it is not a pickle"),
        ({"bytecode.pkl": forge.bytecode(version=12)}, "bytecode version 12"),
    ],
)
def test_bad_contents(tmp_path: Path, changes: dict[str, bytes], message: str) -> None:
    assert message in refused(forge.write(tmp_path / "net.ptl", forge.lite() | changes))


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (
            {"bytecode.pkl": forge.bytecode(version=12)},
            "_backport_for_mobile(path, lowered_path, 9)",
        ),
        ({"bytecode.pkl": forge.bytecode(version=3)}, "_save_for_lite_interpreter"),
        ({"version": b"11\n"}, "export it with torch 2.13 or older"),
        ({"version": b"many"}, "copy the file again"),
    ],
)
def test_versions_come_with_what_to_do(
    tmp_path: Path, changes: dict[str, bytes], hint: str
) -> None:
    with pytest.raises(ModelError) as caught:
        read_lite(forge.write(tmp_path / "net.ptl", forge.lite() | changes))
    assert hint in caught.value.hint


def test_a_model_without_version_is_refused(tmp_path: Path) -> None:
    records = {name: data for name, data in forge.lite().items() if name != "version"}
    assert "no record 'version'" in refused(forge.write(tmp_path / "net.ptl", records))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello world, this is text", "not a zip archive"),
        (b"PK\5\6" + bytes(18), "not a zip archive"),
        (forge.archive(forge.lite())[:-1], "cut off"),
        (forge.archive(forge.lite())[:900], "cut off"),
        (forge.archive(forge.lite()).replace(forge.FLOATS, bytes(16)), "checksum"),
        (b"\x18\0\0\0PTMF" + bytes(40), "flatbuffer"),
        (b"\x18\0\0\0TFL3" + bytes(40), "TensorFlow Lite"),
        (b"\x18\0\0\0ET12" + bytes(40), "ExecuTorch"),
        (b'\x40\0\0\0\0\0\0\0{"a":{"dtype"', "safetensors"),
        (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "old format of torch.save"),
        (b"\x80\x04N.", "a Python pickle"),
    ],
)
def test_files_that_are_no_archives(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "net.ptl"
    path.write_bytes(content)
    assert message in refused(path)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({"a.txt": b"hello"}, "a zip archive, but not a TorchScript model (it has a.txt)"),
        (forge.torchscript(), "TorchScript without bytecode"),
        ({"archive_format": b"pt2", "models/model.json": b"{}"}, "torch.export program (.pt2)"),
        ({"serialized_exported_program.json": b"{}"}, "torch.export program (.pt2)"),
        ({".data/extern_modules": b"", "data.pkl": b""}, "torch.package"),
        ({"data.pkl": forge.pickled(forge.tensor())}, "a single tensor"),
        (
            {"data.pkl": forge.pickled({"a": forge.tensor()})},
            "a state_dict written by torch.save (1 t",
        ),
        (
            {"data.pkl": forge.pickled({"a": forge.tensor(), "epoch": 3})},
            "a dictionary with a, epoch",
        ),
        ({"data.pkl": forge.pickled(forge.made("my.nets", "Net", {}))}, "of class my.nets.Net"),
        (
            {"data.pkl": forge.pickled(forge.called("os", "system", "true"))},
            "would import os.system",
        ),
        ({"data.pkl": b"\x80\x04N."}, "what torch.save wrote of a Python object"),
    ],
)
def test_archives_that_are_no_lite_models(
    tmp_path: Path, records: dict[str, bytes], message: str
) -> None:
    assert message in refused(forge.write(tmp_path / "net.ptl", records))


def test_how_to_export_is_shown_for_weights(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "w.pt", {"data.pkl": forge.pickled({"a": forge.tensor()})})
    with pytest.raises(ModelError, match=r"torch\.jit\.script\(model\.eval\(\)\)\.save\("):
        read_lite(path)


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such model: .*nothing\.pt") as caught:
        read_lite(tmp_path / "nothing.pt")
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="it is a directory"):
        read_lite(tmp_path)


MODEL = forge.archive(forge.lite(), deflated={"code/__torch__.py"})
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(st.integers(0, len(MODEL) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_without_effect(
    tmp_path: Path, place: int, change: int
) -> None:
    path = tmp_path / "net.ptl"
    path.write_bytes(MODEL)
    good = read_lite(path)
    damaged = bytearray(MODEL)
    damaged[place] ^= change
    path.write_bytes(damaged)
    try:
        found = read_lite(path)
    except ModelError:
        return
    assert found.methods == good.methods  # a bit of the compressed source that no reader looks at


@QUIET
@given(st.sampled_from(["data.pkl", "bytecode.pkl", "version"]), st.data())
def test_forged_contents_with_right_checksums_never_escape(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    records = forge.lite()
    changed = bytearray(records[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ModelError):
        read_lite(forge.write(tmp_path / "net.ptl", records | {name: bytes(changed)}))
