"""Flatbuffers that desktop torch wrote: converted, they are the same model."""

import importlib
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import DtypeSize, ModelFormat

Script = Any  # torch has no types for script modules
MOBILE: Final[Any] = importlib.import_module("torch.jit.mobile")


class Values(torch.nn.Module):
    """Attributes of every kind, a view, and a module that is there twice."""

    view: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 3)
        self.again: torch.nn.Module = self.inner
        self.counts = [3, 1 << 40, -7]
        self.ratios = [0.5, float("inf"), -0.0]
        self.flags = [True, False]
        self.words = ["eins", "zwei", "zw\u00f6lf"]
        self.names = {"cat": 1, "dog": 2}
        self.nested = {"a": [torch.ones(2), torch.zeros(1, dtype=torch.int64)]}
        self.pair = (1, "two", 3.0, None)
        self.number = 2 + 3j
        self.register_buffer("whole", torch.arange(12).reshape(3, 4))
        self.register_buffer("view", torch.arange(12).reshape(3, 4)[1:, ::2])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str, int, float, list[bool]]:
        y = self.again(self.inner(x)) + self.view.sum() * self.nested["a"][0][0]
        text = "{} {} {}".format(self.words[2], self.names["dog"], self.pair[1])
        return y * 0.5, text, self.counts[1] + self.counts[2], self.ratios[0], self.flags


class Stateful(torch.nn.Module):
    """Makes its weights of what it saved, as packed parameters do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.arange(4.0)
        self.training = False

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.weight * 2, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0] / 2
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight


class Division(torch.nn.Module):
    """Flatbuffers name an old operator set: what they divide goes through upgraders."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x / 2, torch.nn.functional.gelu(x)


class Pair(NamedTuple):
    """A type that the schema of no lite model can name inside of another one."""

    left: torch.Tensor
    right: torch.Tensor


class Maybe(torch.nn.Module):
    """Its flatbuffer is loaded by torch without the schema, its archive not at all."""

    def forward(self, x: torch.Tensor, pair: Pair | None = None) -> torch.Tensor:
        return x if pair is None else pair.left + pair.right


def maybe() -> Script:
    return torch.jit.script(Maybe().eval())


def values() -> Script:
    return torch.jit.script(Values().eval())


def stateful() -> Script:
    return torch.jit.script(Stateful().eval())


def division() -> Script:
    return torch.jit.script(Division().eval())


def half() -> Script:
    return torch.jit.script(torch.nn.Linear(3, 4).eval().bfloat16())


def quantized() -> Script:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()).eval()
    quantization = importlib.import_module("torch.ao.quantization")
    small = quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return torch.jit.script(small)


def image() -> Script:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    return torch.jit.script(layers.eval())


MODELS: Final[dict[Callable[[], Script], torch.Tensor]] = {
    values: torch.rand(2, 3),
    stateful: torch.rand(4),
    division: torch.rand(4),
    half: torch.rand(2, 3).bfloat16(),
    quantized: torch.rand(2, 4),
    image: torch.rand(1, 3, 8, 8),
}


def flatbuffer(model: Script, path: Path, **extra: Any) -> Path:
    model._save_for_lite_interpreter(str(path), _use_flatbuffer=True, **extra)
    assert path.read_bytes()[4:8] == b"PTMF"
    return path


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right and type(left) is type(right))


@pytest.mark.parametrize("make", MODELS)
def test_the_converted_model_answers_as_the_flatbuffer(
    tmp_path: Path, real: Host, make: Callable[[], Script]
) -> None:
    path = flatbuffer(make(), tmp_path / "net.ff")
    model = read_model(path, real)
    assert (model.format, model.source, model.name) == (ModelFormat.FLATBUFFER, path, "net")
    original = MOBILE._load_for_lite_interpreter(str(path))
    converted = MOBILE._load_for_lite_interpreter(str(model.path))
    assert same(converted(MODELS[make]), original(MODELS[make]))
    assert {str(name) for name in model.operators} == set(MOBILE._export_operator_list(original))


@pytest.mark.parametrize("make", MODELS)
def test_it_is_the_model_that_a_zip_archive_would_be(
    tmp_path: Path, real: Host, make: Callable[[], Script]
) -> None:
    script = make()
    script._save_for_lite_interpreter(str(tmp_path / "zip.ptl"))
    zipped = read_lite(tmp_path / "zip.ptl")
    model = read_model(flatbuffer(script, tmp_path / "net.ff"), real)
    assert (model.root, model.classes, model.types) == (zipped.root, zipped.classes, zipped.types)
    assert model.methods == zipped.methods
    assert (model.weights, model.dtypes) == (zipped.weights, zipped.dtypes)
    assert model.argument_dtypes == zipped.argument_dtypes


def test_a_schema_that_torch_cannot_read_is_left_out(tmp_path: Path, real: Host) -> None:
    path = flatbuffer(maybe(), tmp_path / "net.ff")
    model = read_model(path, real)
    (method,) = model.methods
    assert (method.unreadable, model.bytecode_version) == ((), 4)
    answers = [
        MOBILE._load_for_lite_interpreter(str(it))(torch.ones(2), None) for it in (path, model.path)
    ]
    assert torch.equal(*answers)


def test_it_is_converted_once(tmp_path: Path, real: Host) -> None:
    path = flatbuffer(values(), tmp_path / "net.ff")
    first = read_model(path, real)
    stamp = first.path.stat().st_mtime_ns
    assert read_model(path, real) == first
    assert first.path.stat().st_mtime_ns == stamp
    first.path.write_bytes(b"PK\3\4 gone bad")
    assert read_model(path, real) == first


def test_files_that_ride_along_survive(tmp_path: Path, real: Host) -> None:
    path = flatbuffer(half(), tmp_path / "net.ff", _extra_files={"labels.txt": "cat\ndog"})
    with zipfile.ZipFile(read_model(path, real).path) as archive:
        assert archive.read("model/extra/labels.txt") == b"cat\ndog"


def test_a_length_in_front_is_understood(tmp_path: Path, real: Host) -> None:
    path = flatbuffer(half(), tmp_path / "net.ff")
    data = path.read_bytes()
    plain = read_model(path, real)
    path.write_bytes(len(data).to_bytes(4, "little") + data)
    assert read_model(path, real).weights == plain.weights == (DtypeSize("BFloat16", 2, 32),)
    path.write_bytes((len(data) + 1).to_bytes(4, "little") + data)
    with pytest.raises(ModelError, match="cut off, or bytes follow"):
        read_model(path, real)


def test_damaged_flatbuffers_are_read_or_refused(tmp_path: Path, real: Host) -> None:
    """They carry no checksum: damage to weights goes unseen, damage to offsets must be harmless."""
    path = flatbuffer(values(), tmp_path / "net.ff")
    data = path.read_bytes()
    dice = random.Random(5)
    refused = 0
    for _ in range(400):
        damaged = bytearray(data)
        damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            read_model(path, real)
        except ModelError:
            refused += 1
    assert refused > 50
    for length in range(12, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError):
            read_model(path, real)
