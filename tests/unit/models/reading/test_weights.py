"""Weights: each storage once, named by where it hangs, and compared by its bytes."""

from pathlib import Path

from builder.models.formats.pickle_values import Call, Global, Storage, Tensor
from builder.models.reading.lite import read_lite
from builder.models.reading.weights import (
    Stored,
    duplicates,
    named_storages,
    packed_weights,
    sizes,
)
from builder.vocabulary.models import DtypeSize, Duplicate
from tests.unit.models import forge


def tensor(key: str, dtype: str = "Float") -> Tensor:
    return Tensor(Storage(dtype, key, "cpu", 4))


def test_storages_are_named_by_their_path_once() -> None:
    shared = tensor("0")
    inner = Call(Global("__torch__", "Inner"), (), {"w": shared, "b": tensor("1")})
    outer = Call(Global("__torch__", "Net"), (), {"a": inner, "b": inner, "l": [shared, 1]})
    assert [(name, it.key) for name, it in named_storages(outer)] == [("a.w", "0"), ("a.b", "1")]


def test_values_shared_without_end_are_walked_once() -> None:
    value: tuple[object, ...] = (tensor("0"),)
    for _ in range(60):
        value = (value, value)
    assert len(list(named_storages(value))) == 1


def test_sizes_are_summed_by_dtype() -> None:
    stored = (
        Stored("a", "data/0", "Long", 8),
        Stored("b", "data/1", "Float", 16),
        Stored("c", "data/2", "Float", 4),
    )
    assert sizes(stored) == (DtypeSize("Float", 2, 20), DtypeSize("Long", 1, 8))


def test_only_equal_bytes_are_duplicates() -> None:
    stored = [Stored(name, name, "Float", 16, 7) for name in ("c", "a", "b", "d")]
    content = {"a": b"x", "b": b"y", "c": b"x", "d": b"x"}
    found = duplicates(stored, lambda place: content[place])
    assert found == (Duplicate(("a", "c", "d"), "Float", 16),)
    assert found[0].wasted == 32


def test_what_differs_at_sight_is_not_compared() -> None:
    def never(place: str) -> bytes:
        raise AssertionError(place)

    stored = (
        Stored("a", "a", "Float", 16, 1),
        Stored("b", "b", "Float", 16, 2),
        Stored("c", "c", "Int", 16, 1),
        Stored("d", "d", "Float", 8, 1),
        Stored("e", "e", "Float", 0, 1),
        Stored("f", "f", "Float", 0, 1),
    )
    assert duplicates(stored, never) == ()


def test_a_model_tells_what_it_weighs(tmp_path: Path) -> None:
    weights = {key: forge.tensor(forge.storage(key)) for key in ("0", "1", "2")}
    data = forge.module(a=weights["0"], b=weights["1"], c=weights["2"])
    records = forge.lite() | {"data.pkl": data, "data/1": forge.FLOATS, "data/2": bytes(16)}
    model = read_lite(forge.write(tmp_path / "net.ptl", records))
    assert model.weights == (DtypeSize("Float", 3, 48),)
    assert model.duplicates == (Duplicate(("a", "b"), "Float", 16),)
    assert model.root == "__torch__.Net"
    assert [it.name for it in model.exported] == ["__torch__.Net.forward"]
    assert not model.debug_info


def test_classes_that_pack_weights_are_told_with_their_dtype() -> None:
    def packed(name: str, *state: object) -> Call:
        return Call(Global("__torch__.torch.classes.quantized", name), (), state)

    half = Tensor(Storage("Float", "0", "cpu", 4))
    eighth = Tensor(Storage("QInt8", "1", "cpu", 4))
    linear = packed("LinearPackedParamsBase", half, None)
    cell = Call(
        Global("__torch__.torch.classes.rnn", "CellParamsBase"), (), ("quantized", [linear])
    )
    net = Call(Global("__torch__", "Net"), (), {"cell": cell, "conv": packed("Conv", eighth)})
    assert packed_weights(net) == {
        ("quantized.LinearPackedParamsBase", "Float"), ("quantized.Conv", "QInt8"),
    }  # fmt: skip
    assert not packed_weights(Call(Global("__torch__", "Net"), (), (half,)))
