"""Files that are no TorchScript models are called by their names."""

import io
import zipfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.formats.foreign_files import HEAD, foreign_archive, foreign_file
from builder.vocabulary.errors import ModelError
from tests.unit.models import forge

POINTER: Final = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 207011770\n"
)
ONNX: Final = b"\x08\x08\x12\x07pytorch\x1a\x052.13.0:\xd5\x0c"


@pytest.mark.parametrize(
    ("head", "what", "do"),
    [
        (POINTER, "a Git LFS pointer", "git lfs pull"),
        (POINTER, "of 207,011,770 bytes that was not downloaded", "git lfs pull"),
        (POINTER[:50], "a file that was not downloaded", "git lfs pull"),
        (ONNX, "an ONNX model", "for another runtime"),
        (b"\x08\x03\x3a\x10graph", "an ONNX model", "for another runtime"),
        (b"\x08\x04\x12\x8f\x03\x0a\x2a", "a Core ML model", "for another runtime"),
        (b"\x08\x01\x12\x8f\x03\x0a\x2a", "a TensorFlow SavedModel", "for another runtime"),
        (b'\x40\0\0\0\0\0\0\0{"weight":{', "a safetensors file", "load_state_dict"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras", "for another runtime"),
        (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model", "for another runtime"),
        (b"\x18\0\0\0ET12", "an ExecuTorch program", "for another runtime"),
        (b"GGUF\x03", "a GGUF model", "for another runtime"),
        (b"\x93NUMPY\x01", "a NumPy array", "--input"),
        (b"\x7fELF\x02", "a program or a library", "torch.jit"),
        (b"\x1f\x8b\x08", "a compressed file", "unpack it"),
        (b"model.pt" + bytes(249) + b"ustar\0", "a tar archive", "unpack it"),
        (b"\n<!DOCTYPE html><html>", "a web page", "download the file itself"),
        (b"\xef\xbb\xbf<html lang=en>", "a web page", "download the file itself"),
        (b'<?xml version="1.0"?><Error><Code>', "an XML document", "download the file itself"),
        (b'{\n  "error": "not found"\n}', "JSON text", "download the file itself"),
        (b"\x80\x04N.", "a Python pickle", "torch.jit"),
    ],
)
def test_a_file_is_called_by_its_name(head: bytes, what: str, do: str) -> None:
    told = foreign_file(head)
    assert told is not None
    assert what in told.what
    assert do in told.do


@pytest.mark.parametrize("head", [b"", b"hello", b"\x18\0\0\0PTMF", b"PK\3\4", b"\x08", b"{a"])
def test_what_is_not_known_is_not_called_anything(head: bytes) -> None:
    assert foreign_file(head) is None


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["config.json", "metadata.json", "model.weights.h5"], "a Keras model"),
        (["MAR-INF/MANIFEST.json", "net.pt", "handler.py"], "a TorchServe archive"),
        (["readme.txt", "export/net.ptl"], "a zip archive around a model"),
        (["arr_0.npy"], "an archive of NumPy arrays"),
    ],
)
def test_an_archive_is_called_by_its_name(
    names: list[str], what: str, tmp_path: Path, host: Host
) -> None:
    told = foreign_archive(names)
    assert told is not None
    assert told.what == what
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    (tmp_path / "net.pt").write_bytes(stream.getvalue())
    with pytest.raises(ModelError, match=what):
        read_model(tmp_path / "net.pt", host)


def test_any_other_archive_has_no_name() -> None:
    assert foreign_archive(["holiday/beach.jpg", "data.pkl"]) is None


@pytest.mark.parametrize(
    ("value", "what", "do"),
    [
        (forge.tensor(), "a single tensor", "--input"),
        (forge.called("torch._utils", "_rebuild_parameter", forge.tensor(), 1), "a single tensor",
         "--input"),
        ((forge.tensor(), 3), "arguments of a call", "--input"),
        ({"weight": forge.tensor()}, "a state_dict", "into its Python module"),
        ({"epoch": 3, "model": {}}, "a checkpoint", "into its Python module"),
        (forge.made("shop.nets", "Basket", {}), "a pickled Python object of class shop.nets.Basket",
         "where its class is at hand"),
    ],
)  # fmt: skip
def test_a_pickle_is_told_apart_without_running_it(
    value: forge.Value, what: str, do: str, tmp_path: Path, host: Host
) -> None:
    records = {"data.pkl": forge.pickled(value), "data/0": forge.FLOATS, "version": b"3\n"}
    with pytest.raises(ModelError, match=f"{what}.* written by torch.save") as caught:
        read_model(forge.write(tmp_path / "net.pt", records), host)
    assert do in caught.value.hint


@given(st.binary(max_size=HEAD) | st.sampled_from([POINTER, ONNX]).map(lambda it: it[:30]))
def test_any_bytes_are_looked_at(head: bytes) -> None:
    told = foreign_file(head)
    assert told is None or (told.what and told.do)
