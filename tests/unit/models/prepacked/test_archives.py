"""Packed weights become tuples, and tuples packed weights."""

from typing import Final

import pytest

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.formats.pickle_steps import HEAD, text_step
from builder.models.formats.pickle_values import Call
from builder.models.formats.pickles import read_pickle
from builder.models.prepacked.archives import (
    STAND_INS,
    holds_contexts,
    unwrap_pickle,
    unwrapped,
    wrap_pickle,
    wrapped,
)
from builder.models.prepacked.contexts import LINEAR, NAMESPACE
from tests.places import RECORDED

FILES: Final = RECORDED / "prepacked"
HELD: Final = f"c{NAMESPACE}\nLinearOpContext\n".encode()
STATE: Final = b"(" + text_step("w") + b"NNNt"


def records(name: str) -> dict[str, bytes]:
    with (FILES / name).open("rb") as stream:
        archive = Archive(FILES / name, stream)
        assert holds_contexts(archive) == (name != "plain.pt")
        return {key: archive.read(key, limit=it.size) for key, it in archive.records.items()}


@pytest.mark.parametrize("name", ["optimized.pt", "optimized.ptl", "unfolded.pt"])
def test_nothing_of_the_classes_is_left(name: str) -> None:
    before, after = records(name), unwrapped(records(name))
    assert not any(NAMESPACE.encode() in it for it in after.values())
    assert not any(b"ops.prepacked" in it or b"prepacked::" in it for it in after.values())
    assert any(f"{STAND_INS}".encode() in it for it in after.values())
    for key in ("data.pkl", "constants.pkl", "bytecode.pkl"):
        if key in before:
            changed, original = read_pickle(after[key]), read_pickle(before[key])
            assert len(changed.storages) == len(original.storages)
            packed = [it for it in original.objects if it.function.module == NAMESPACE]
            assert len(changed.objects) == len(original.objects) - len(packed)


def test_a_model_without_packed_weights_keeps_its_content() -> None:
    plain = records("plain.pt")
    kept = {key: it for key, it in plain.items() if key != ".data/serialization_id"}
    assert unwrapped(plain) == kept


def test_an_attribute_becomes_a_context() -> None:
    name = "_jit_pass_packed_weight_0"
    head = HEAD + b"c__torch__\nNet\n)\x81}(" + text_step(name)
    written = wrap_pickle(head + STATE + b"ub.", {name: LINEAR})
    value = read_pickle(written).value
    assert isinstance(value, Call)
    assert isinstance(value.state, dict)
    (held,) = value.state.values()
    assert (str(held.function), held.state) == (LINEAR.qualified, ("w", None, None, None))
    assert unwrap_pickle(written) == head + STATE + b"ub."


def test_code_names_what_is_there() -> None:
    text = (
        b"  _jit_pass_packed_weight_0 : Tuple[Tensor]\n"
        b"    _0 = ops.build_runtime.linear_clamp_run(x, _1)\n"
    )
    made = wrapped({"code/__torch__.py": text}, {"_jit_pass_packed_weight_0": LINEAR})
    assert made["code/__torch__.py"].decode().splitlines() == [
        f"  _jit_pass_packed_weight_0 : {LINEAR.qualified}",
        "    _0 = ops.prepacked.linear_clamp_run(x, _1)",
    ]


def test_what_tells_of_places_in_changed_code_goes() -> None:
    code = b"x = ops.prepacked.linear_clamp_run(y, z)\n"
    given = {
        "code/a.py": code,
        "code/a.py.debug_pkl": b"1",
        "code/b.py": b"",
        "code/b.py.debug_pkl": b"2",
    }
    assert set(unwrapped(given)) == {"code/a.py", "code/b.py", "code/b.py.debug_pkl"}


@pytest.mark.parametrize(
    "rest", [b"N.", b")\x81N.", b")\x81" + STATE + b".", b")\x81(N", b")\x81(Nl.b", b")N.", b""]
)
def test_contexts_in_another_layout_are_refused(rest: bytes) -> None:
    with pytest.raises(MalformedError, match="layout that torch never writes"):
        unwrap_pickle(HEAD + HELD + rest)
