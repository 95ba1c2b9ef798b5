"""The pickle machine computes inert values, names what is forbidden, and cannot be worn out."""

import os
import pickle
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats import pickles
from builder.models.formats.faults import MalformedError
from builder.models.formats.pickle_values import Call, Global, Tensor, any_global
from builder.models.formats.pickles import MAX_DEPTH, read_pickle
from tests.unit.models import forge

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


def refused(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        read_pickle(data)
    return str(caught.value)


@given(VALUES)
def test_plain_values_come_back(value: object) -> None:
    assert read_pickle(forge.pickled(value)).value == value


@given(VALUES)
def test_what_python_pickles_comes_back(value: object) -> None:
    try:
        found = read_pickle(pickle.dumps(value, protocol=2))
    except MalformedError as fault:
        assert "integer of" in str(fault) or "0x" in str(fault)  # noqa: PT017  long integers, POP_MARK
        return
    assert found.value == value


def test_a_string_that_is_not_text_is_still_read() -> None:
    assert read_pickle(forge.pickled("caf\udce9")).value == "caf\udce9"


def test_tensors_are_seen_with_their_storage() -> None:
    found = read_pickle(forge.pickled((forge.tensor(), 1)))
    assert [(item.dtype, item.key, item.count) for item in found.storages] == [("Float", "0", 4)]
    assert isinstance(found.value, tuple)
    assert isinstance(found.value[0], Tensor)


@pytest.mark.parametrize("view", [(), (None,)])
def test_torch_1_3_told_of_views_in_references_to_storages(view: tuple[None, ...]) -> None:
    parts = ("storage", forge.name("torch", "FloatStorage"), "0", "cpu", 4, *view)
    found = read_pickle(forge.pickled(forge.tensor(forge.Raw(forge.encoded(parts) + b"Q"))))
    assert [(item.dtype, item.key, item.count) for item in found.storages] == [("Float", "0", 4)]


@pytest.mark.parametrize("more", [(1,), ((),), (None, None)])
def test_a_reference_to_a_storage_holds_nothing_else(more: tuple[object, ...]) -> None:
    parts = ("storage", forge.name("torch", "FloatStorage"), "0", "cpu", 4, *more)
    reference = forge.Raw(forge.encoded(parts) + b"Q")
    assert "not a tensor storage" in refused(forge.pickled(reference))


def test_objects_and_tagged_lists() -> None:
    tagged = forge.called("torch.jit._pickle", "restore_type_tag", [1], "List[int]")
    found = read_pickle(forge.pickled(forge.made("__torch__.deep", "Net", {"a": tagged}))).value
    assert isinstance(found, Call)
    assert (found.function, found.state) == (Global("__torch__.deep", "Net"), {"a": [1]})


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch.jit._pickle", "os"),
        ("__torch__x", "Net"),
        ("collections", "defaultdict"),
        ("torch.jit", "load"),
        ("torch", "WrongStorage"),
    ],
)
def test_other_names_are_refused_by_name(module: str, attribute: str) -> None:
    assert f"{module}.{attribute}" in refused(forge.pickled(forge.name(module, attribute)))


def test_nothing_is_ever_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it ran"))
    data = forge.pickled(forge.called("os", "system", "true"))
    assert "os.system" in refused(data)
    found = read_pickle(data, allowed=any_global).value
    assert isinstance(found, Call)
    assert found.arguments == ("true",)


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (b"", "cut off"),
        (b".", "does not end where"),
        (b"N.N", "does not end where"),
        (b"NN.", "does not end where"),
        (b"(.", "does not end where"),
        (b"X\xff\xff\xff\xffshort", "cut off"),
        (b"\x8d" + b"\xff" * 8, "cut off"),
        (b"\x8a\xff" + b"\1" * 255 + b".", "integer of 255 bytes"),
        (b"Nr\xff\xff\xff\x7f.", "remembers value"),
        (b"h\x05.", "recalls value"),
        (b"j\xff\xff\xff\xff.", "recalls value"),
        (b"t.", "values that are not there"),
        (b"\x87.", "values that are not there"),
        (b"N(e.", "values that are not there"),
        (b"}(Nu.", "values that are not there"),
        (b"}))s.", "key that is a container"),
        (b"NNR.", "values that are not there"),
        (b"NNb.", "values that are not there"),
        (b"NN\x81.", "values that are not there"),
        (b"NQ.", "not a tensor storage"),
        (b"cos" + b"x" * 5000, "does not end"),
        (b"i.", "0x69"),
        (b"\x93.", "0x93"),
        (b"]q\0h\0a.", "changes a value after its use"),
        (b"]q\0h\0\x85h\0N(ae.", "values that are not there"),
    ],
)
def test_broken_pickles(instructions: bytes, message: str) -> None:
    assert message in refused(b"\x80\x02" + instructions)


@pytest.mark.parametrize(
    ("limit", "instructions"), [("MAX_CONTAINERS", b"]" * 101), ("MAX_INSTRUCTIONS", b"N" * 101)]
)
def test_memory_is_bounded(
    monkeypatch: pytest.MonkeyPatch, limit: str, instructions: bytes
) -> None:
    monkeypatch.setattr(pickles, limit, 100)
    assert "more than 100" in refused(b"\x80\x02" + instructions + b".")


def test_a_list_in_a_tuple_in_itself_is_refused() -> None:
    """A cycle: `x = []; x.append((x,))`."""
    assert "after its use" in refused(b"\x80\x02]q\0h\0\x85a.")


def test_another_protocol_is_refused() -> None:
    assert "protocol 2" in refused(pickle.dumps((), protocol=4))


@pytest.mark.parametrize("deeper", [b"\x85", b"l", b"t"])
def test_nesting_is_bounded(deeper: bytes) -> None:
    depth = MAX_DEPTH + 1
    marks = b"" if deeper == b"\x85" else b"(" * depth
    assert "nests deeper" in refused(b"\x80\x02" + marks + b"N" + deeper * depth + b".")


def test_nesting_up_to_the_bound_is_read() -> None:
    assert read_pickle(b"\x80\x02" + b"N" + b"\x85" * MAX_DEPTH + b".").value


def test_shared_values_that_would_grow_without_end_stay_small() -> None:
    """Each tuple holds the one before twice: 2**100 leaves if anyone walked or hashed it."""
    again = b"".join(
        b"q" + bytes([index]) + b"h" + bytes([index]) + b"\x86" for index in range(100)
    )
    started = time.process_time()
    assert read_pickle(b"\x80\x02N" + again + b".").value
    assert "key that is a container" in refused(b"\x80\x02}(N" + again + b"Nu.")
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("sizes", "strides"),
    [
        ((5,), (1,)),
        ((2, 2), (3, 1)),
        ((2,), (1, 1)),
        ((-1,), (1,)),
        ((2**62,), (2**62,)),
        ((1,), ()),
    ],
)
def test_a_view_stays_inside_its_storage(sizes: tuple[int, ...], strides: tuple[int, ...]) -> None:
    assert "tensor" in refused(forge.pickled(forge.tensor(sizes=sizes, strides=strides)))


@pytest.mark.parametrize(("sizes", "strides"), [((), ()), ((4,), (1,)), ((9, 4), (0, 1))])
def test_a_view_inside_its_storage_is_read(
    sizes: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    read_pickle(forge.pickled(forge.tensor(sizes=sizes, strides=strides)))


def test_packed_dtypes_hold_several_elements_in_a_byte() -> None:
    packed = forge.storage(kind="QUInt4x2", count=4)
    read_pickle(forge.pickled(forge.tensor(packed, (8,), (1,))))
    assert "beyond" in refused(forge.pickled(forge.tensor(packed, (9,), (1,))))


def test_an_empty_view_needs_no_bytes() -> None:
    read_pickle(forge.pickled(forge.tensor(forge.storage(count=0), (0, 7), (7, 1))))


@given(st.binary(max_size=200))
def test_noise_never_escapes(noise: bytes) -> None:
    for allowed in (None, any_global):
        with suppress(MalformedError):
            read_pickle(b"\x80\x02" + noise, **({"allowed": allowed} if allowed else {}))


@given(
    st.lists(
        st.sampled_from(
            [bytes([code]) for code in b"()]}N\x88K\x01X\x00\x85\x86tlaedsuqhcRb\x81Q."]
        )
    )
)
def test_noise_of_instructions_never_escapes(noise: list[bytes]) -> None:
    with suppress(MalformedError):
        read_pickle(b"\x80\x02" + b"".join(noise), allowed=any_global)


@given(st.data())
def test_mutated_pickles_never_escape(data: st.DataObject) -> None:
    good = bytearray(forge.bytecode() if data.draw(st.booleans()) else forge.module())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedError):
        read_pickle(bytes(good))
