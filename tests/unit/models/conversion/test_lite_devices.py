"""Lite models of another device: what they name becomes the CPU, and nothing else changes."""

import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.foundation.process import Host
from builder.models.conversion.lite_devices import on_cpu
from builder.models.conversion.torchscript import read_model
from builder.models.formats.pickle_values import Call, Storage, Tensor
from builder.models.formats.pickles import read_pickle
from builder.models.formats.places import is_elsewhere
from builder.vocabulary.models import ModelFormat
from tests.unit.models import forge

CUDA = "device cuda:0 became cpu"


class Writer:
    """Writes pickles as torch does: each text and name once, then by its number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def once(self, raw: bytes) -> forge.Raw:
        number = self._numbers.get(raw)
        if number is not None:
            return forge.Raw(struct.pack("<cI", b"j", number))
        self._numbers[raw] = len(self._numbers)
        return forge.Raw(raw + struct.pack("<cI", b"r", self._numbers[raw]))

    def text(self, text: str) -> forge.Raw:
        return self.once(forge.encoded(text))

    def device(self, text: str) -> forge.Raw:
        name = self.once(forge.name("torch", "device"))
        return forge.Raw(name + self.text(text) + b"\x85R")

    def storage(self, location: str) -> forge.Raw:
        parts = (
            self.text("storage"), self.once(forge.name("torch", "FloatStorage")), self.text("0"),
            self.text(location), 4,
        )  # fmt: skip
        return forge.Raw(forge.encoded(parts) + b"Q")


def plain(value: Any) -> Any:
    """Return a value of which equal ones are equal."""
    match value:
        case Storage(dtype, key, location, count):
            return ("storage", dtype, key, location, count)
        case Tensor(storage):
            return ("tensor", plain(storage))
        case Call(function, arguments, state):
            return ("call", function, plain(arguments), plain(state))
        case tuple() | list():
            return [plain(it) for it in value]
        case dict():
            return [(plain(key), plain(it)) for key, it in value.items()]
        case _:
            return (type(value), value)


PLACES = st.sampled_from(["cpu", "cuda:0", "cuda:1", "xpu", "meta", "storage"])
PARTS = st.lists(
    st.tuples(
        st.sampled_from(["text", "device", "storage", "number", "tuple", "float"]), PLACES
    ),
    max_size=12,
)  # fmt: skip


def written(parts: list[tuple[str, str]], *, here: bool) -> bytes:
    """Return a pickle of these parts; `here`: as one that names no device but the CPU."""
    writer = Writer()

    def put(kind: str, place: str) -> Any:
        named = "cpu" if here and is_elsewhere(place) else place
        match kind:
            case "text":
                return writer.text(place)
            case "device":
                return writer.device(named)
            case "storage":
                return writer.storage(named)
            case "number":
                return len(place) * 1000
            case "float":
                return 0.5
            case _:
                return (writer.text(place), (writer.device(named), None, True), {"a": [False]})

    return forge.pickled(tuple(put(*it) for it in parts))


@given(parts=PARTS)
def test_devices_become_the_cpu_and_nothing_else_changes(parts: list[tuple[str, str]]) -> None:
    moved, found = on_cpu(written(parts, here=False))
    assert plain(read_pickle(moved).value) == plain(read_pickle(written(parts, here=True)).value)
    kinds = {"device", "storage", "tuple"}
    expected = Counter(
        f"device {place} became cpu"
        for kind, place in parts
        if kind in kinds and is_elsewhere(place)
    )
    assert found == expected


@given(parts=PARTS)
def test_what_is_on_the_cpu_keeps_its_bytes(parts: list[tuple[str, str]]) -> None:
    pickle = written(parts, here=True)
    assert on_cpu(pickle) == (pickle, Counter())


def net(path: Path, location: str) -> Path:
    tensor = forge.tensor(forge.storage(location=location))
    records = forge.lite() | {
        "data.pkl": forge.pickled(forge.made("__torch__", "Net", {"w": tensor}))
    }
    return forge.write(path, records)


@pytest.mark.parametrize("location", ["cuda:0", "xpu", "mps:0"])
def test_a_lite_model_of_another_device_is_written_anew(
    tmp_path: Path, host: Host, location: str
) -> None:
    path = net(tmp_path / "net.ptl", location)
    model = read_model(path, host)
    assert [str(it) for it in model.repairs] == [f"device {location} became cpu (once)"]
    assert (model.name, model.source, model.format) == ("net", path, ModelFormat.LITE)
    assert model.path.is_relative_to(host.cache)
    assert model.devices == {"cpu"}
    assert model.weights == read_model(net(tmp_path / "cpu.ptl", "cpu"), host).weights
    assert read_model(path, host) == model
    model.path.write_bytes(b"damaged")
    assert read_model(path, host) == model


def test_a_lite_model_of_the_cpu_ships_as_it_is(tmp_path: Path, host: Host) -> None:
    model = read_model(net(tmp_path / "net.ptl", "cpu"), host)
    assert (model.path, model.repairs) == (tmp_path / "net.ptl", ())


def test_the_name_of_a_device_cannot_harm_the_terminal(tmp_path: Path, host: Host) -> None:
    (repair,) = read_model(net(tmp_path / "net.ptl", "\x1b[2Jcuda"), host).repairs
    assert repair.what.isprintable()
