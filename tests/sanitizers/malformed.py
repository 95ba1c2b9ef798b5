"""Lite models that no exporter writes: each is refused with an error, by any runtime.

Checksums are right, so that the loader gets as far as the damage.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.unit.models.forge import (
    Raw,
    archive,
    called,
    encoded,
    function,
    lite,
    made,
    module,
    name,
    pickled,
    storage,
    tensor,
)

FOUND: Final = Path(__file__).parent / "corpus"
"""What the fuzzer found, as small as it could be made."""

MARK_FOREVER: Final = 100_000
_LOCAL_HEADER: Final = 30
"""Bytes before the name of a record (APPNOTE.TXT, 4.3.7)."""
_COORDINATES, _ROWS = 1, 2
"""Layouts by their numbers (`c10/core/Layout.h`)."""


def malformed() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every file that must be refused."""
    yield from _archives()
    for title, pickle in _pickles():
        yield title, _model(data=pickle)
    for title, value in _values():
        yield title, _model(data=module(weight=value))
    yield from sparse()
    for title, methods in _functions():
        yield title, _model(*methods)
    for title, kept in _texts():
        yield title, _model(data=pickled(called("torch.jit._pickle", "restore_type_tag", [], kept)))
        yield f"{title} of the bytecode", _model(_method(types=(kept,)))


def _archives() -> Iterator[tuple[str, bytes]]:
    """Yield archives whose records are whole, but not those of a model."""
    records = _records()
    yield "no folder", archive(records, folder="")
    for title, version in {
        "no version": None,
        "version 0": b"0",
        "version 11": b"11",
        "a version of words": b"ten",
        "a version of 2**64": b"18446744073709551626",
        "an empty version": b"",
    }.items():
        kept = {key: record for key, record in records.items() if key != "version"}
        yield title, archive(kept if version is None else {**kept, "version": version})
    yield "another version first", archive({".data/version": b"x", **records})
    yield "a name too long", archive({".data/serialization_id": b"1", **records}, folder="m" * 500)
    # the reader finds names in any case
    for key in (".data/serialization_id", ".data/Serialization_ID", "BYTECODE.pkl"):
        yield f"no header before {key}", _without_header(archive({**records, key: b"1"}), key)


def _without_header(data: bytes, key: str) -> bytes:
    """Damage what stands before a record; the table of contents, at the end, is as it was."""
    signature = data.index(f"net/{key}".encode()) - _LOCAL_HEADER
    assert data[signature:].startswith(b"PK\3\4")
    return data[:signature] + b"PK\0\0" + data[signature + 4 :]


def variations() -> Iterator[tuple[str, bytes]]:
    """Yield cut and flipped files: most are refused, none may do harm."""
    whole = _model()
    for length in range(0, len(whole), 37):
        yield f"cut at {length}", whole[:length]
    for key, record in _records().items():
        for position in range(0, len(record), 3):
            for bit in (0, 3, 7):
                flipped = bytearray(record)
                flipped[position] ^= 1 << bit
                yield (
                    f"{key.replace('/', '_')} {position} {bit}",
                    archive({**_records(), key: bytes(flipped)}),
                )


def _method(**parts: Any) -> Any:
    """Return a function that needs no operator, so that any runtime gets past it."""
    given = {"operators": (), "instructions": (("STORE", 1, 0), ("LOAD", 1, 0), ("RET", 0, 0))}
    return function(**{**given, **parts})


def _records(*methods: Any, data: bytes | None = None) -> dict[str, bytes]:
    kept = {key: record for key, record in lite().items() if not key.startswith("code/")}
    kept["bytecode.pkl"] = pickled((8, *(methods or (_method(),))))
    return kept if data is None else {**kept, "data.pkl": data}


def _model(*methods: Any, data: bytes | None = None) -> bytes:
    return archive(_records(*methods, data=data))


def _protocol(code: bytes) -> bytes:
    return b"\x80\x02" + code


def _pickles() -> Iterator[tuple[str, bytes]]:
    """Yield pickles whose instructions lie."""
    yield "no pickle", b"pickled"
    yield "nothing", b""
    yield "an empty stack", _protocol(b".")
    yield "no end", _protocol(b"N")
    yield "a number for a value beyond memory", _protocol(b"Nr\xff\xff\xff\xff.")
    yield "a value never numbered", _protocol(b"j\xff\xff\xff\xff.")
    yield "a string of 4 GB", _protocol(b"X\xff\xff\xff\xff.")
    yield "a string of 2**62 bytes", _protocol(b"\x8d" + struct.pack("<Q", 1 << 62) + b".")
    yield "a string of -1 bytes", _protocol(b"\x8d" + b"\xff" * 8 + b".")
    yield "a name without end", _protocol(b"c" + b"x" * 300)
    yield "a name that ends with the file", _protocol(b"ctorch\n")
    yield "a tuple without mark", _protocol(b"Nt.")
    yield "a list below its mark", _protocol(b"](a.")
    yield "items of nothing", _protocol(b"(e.")
    yield "a key without item", _protocol(b"}(Nu.")
    yield "a list in itself", _protocol(b"]q\x00h\x00a.")
    yield "a dict in itself", _protocol(b"}q\x00Nh\x00s.")
    yield "deep tuples", _protocol(b")" + b"\x85" * MARK_FOREVER + b".")
    yield "deep lists", _protocol(b"]" * MARK_FOREVER + b"a" * (MARK_FOREVER - 1) + b".")
    yield "lists that become deep later", _protocol(_late_lists(5000))
    yield "a call of no function", _protocol(b"K\x63)R.")
    yield "a call of what is not known", pickled(called("os", "system", "true"))
    yield "a tensor of a subclass", pickled(called("torch._tensor", "_rebuild_from_type_v2", ()))
    yield "a bare number", pickled(7)


def _late_lists(count: int) -> bytes:
    """Make lists, number them, and then put each into the one before it."""
    code = b"".join(b"]r" + struct.pack("<I", number) for number in range(count))
    for number in range(count - 1):
        pair = (b"j" + struct.pack("<I", it) for it in (number, number + 1))
        code += b"".join(pair) + b"a"
    return code + b"."


def _values() -> Iterator[tuple[str, Raw]]:
    """Yield attributes of a module: tensors that are larger than their data, and odd objects."""
    yield "more elements than stored", tensor(sizes=(3, 2))
    yield "strides beyond the storage", tensor(strides=(1 << 40, 1))
    yield "strides that overflow", tensor(sizes=(2, 2), strides=(1 << 62, 1 << 62))
    yield "sizes that overflow", tensor(sizes=(1 << 40, 1 << 40), strides=(0, 0))
    yield "an end that wraps around in 32 bits", tensor(sizes=((1 << 30) + 1,), strides=(1,))
    yield "negative sizes", tensor(sizes=(-2, -2))
    yield "fewer strides than sizes", tensor(strides=(1,))
    yield (
        "a storage beyond its record",
        tensor(storage(count=1 << 20), sizes=(1 << 20,), strides=(1,)),
    )
    yield "a storage of 2**61 elements", tensor(storage(count=1 << 61), sizes=(1,), strides=(1,))
    yield "a storage of -1 elements", tensor(storage(count=-1), sizes=(1,), strides=(1,))
    yield "a storage that is not there", tensor(storage(key="1"))
    yield "a storage elsewhere", tensor(storage(location="meta"))
    yield "no storage", called("torch._utils", "_rebuild_tensor_v2")
    yield "a tensor of a list", Raw(encoded([tensor(sizes=(9, 9))]))
    yield "a tensor of a dict", Raw(encoded({"a": {"b": tensor(sizes=(9, 9))}}))
    yield "a tensor of a tuple", Raw(encoded((1, (2, tensor(sizes=(9, 9))))))
    yield "a wrong complex number", called("builtins", "complex", 1.0)
    yield "an unknown device", called("torch", "device", "nowhere")
    one, other = made("__torch__", "Part", {"a": 1}), made("__torch__", "Part", {"b": 2})
    yield "objects of one class that differ", Raw(encoded((one, other)))
    more = made("__torch__", "Part", {"a": 1, "b": 2})
    yield "an object with an attribute more", Raw(encoded((one, more)))
    yield "an object of no attributes", made("__torch__", "Part", 5)


def sparse() -> Iterator[tuple[str, bytes]]:
    """Yield sparse tensors that lie: a runtime without them refuses them as such.

    What the two indices are is the bits of floats, far beyond the size, but for the first file.
    """
    floats = tensor(storage(count=2), sizes=(2,), strides=(1,))
    indices = tensor(storage(kind="Long", count=2), sizes=(1, 2), strides=(2, 1))
    beyond = tensor(storage(kind="Long", count=2), sizes=(1, 9), strides=(9, 1))
    for title, arguments in {
        "sparse values of another count": (_COORDINATES, (4,), False, indices, tensor()),
        "sparse indices out of range": (_COORDINATES, (4,), False, indices, floats),
        "sparse indices beyond their data": (_COORDINATES, (4,), False, beyond, floats),
        "sparse values beyond their data": (
            _COORDINATES, (4,), False, indices, tensor(sizes=(2, 9), strides=(9, 1)),
        ),
        "sparse rows out of range": (_ROWS, (1, 4), False, indices, indices, floats),
        "sparse of another layout": (99, (4,), False, indices, floats),
        "sparse of nothing": (_COORDINATES,),
    }.items():  # fmt: skip
        rebuilt = called("torch._utils", "_rebuild_sparse_tensor", *arguments)
        yield title, _model(data=module(weight=rebuilt))


def _functions() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield methods whose bytecode would use what is not there."""
    for title, code in {
        "takes from nothing": (("DROP", 0, 0), ("DROP", 0, 0), ("RET", 0, 0)),
        "returns nothing": (("DROP", 0, 0), ("RET", 0, 0)),
        "returns two": (("LOADC", 0, 0), ("RET", 0, 0)),
        "does not end": (("STORE", 1, 0),),
        "jumps away": (("JMP", 100, 0),),
        "jumps back": (("JMP", -1, 0),),
        "grows in a loop": (("LOAD", 1, 0), ("JMP", -1, 0)),
        "loops over nothing": (("LOOP", 1, 2), ("RET", 0, 0)),
        "loops over less": (("LOOP", 1, 0), ("RET", 0, 0)),
        "a register too high": (("LOAD", 9, 0), ("RET", 0, 0)),
        "register 0": (("LOAD", 0, 0), ("RET", 0, 0)),
        "registers around the end": (("STOREN", 2, 2), ("RET", 0, 0)),
        "a constant too far": (("LOADC", 7, 0), ("RET", 0, 0)),
        "a constant below": (("LOADC", -1, 0), ("RET", 0, 0)),
        "a type too far": (("CREATE_OBJECT", 3, 0), ("RET", 0, 0)),
        "types beyond the end": (("ISINSTANCE", 0, 900), ("RET", 0, 0)),
        "a function too far": (("CALL", 0, 0), ("RET", 0, 0)),
        "an operator too far": (("OP", 5, 0), ("RET", 0, 0)),
        "an operator below": (("OP", -5, 0), ("RET", 0, 0)),
        "an attribute below": (("GET_ATTR", -1, 0), ("RET", 0, 0)),
        "an attribute of millions": (("SET_ATTR", 1 << 30, 0), ("RET", 0, 0)),
        "a tuple of everything": (("TUPLE_CONSTRUCT", 1 << 30, 0), ("RET", 0, 0)),
        "a slice below": (("TUPLE_SLICE", -1, 1), ("RET", 0, 0)),
        "a list of everything": (("LIST_UNPACK", 1 << 30, 0), ("RET", 0, 0)),
        "a number of 64 bits": (("LOADC", 1 << 32, 0), ("RET", 0, 0)),
        "an unknown instruction": (("EXPLODE", 0, 0), ("RET", 0, 0)),
        "an instruction of servers": (("FORK", 0, 0), ("RET", 0, 0)),
    }.items():
        yield title, (_method(instructions=code),)
    unread = (("STOREN", 1, 2), ("LOAD", 1, 0), ("GET_ATTR", 1000, 0), ("RET", 0, 0))
    restore = "__torch__.Net.__setstate__"
    both = (restore, *_with_state(_method(instructions=unread))[1:])
    yield "an attribute beyond the object, at once", (_method(), both)
    three = (("STOREN", 1, 3), ("LOAD", 1, 0), ("RET", 0, 0))
    greedy = (restore, _method(instructions=three, takes=("Tensor", "Tensor"))[1])
    yield "a state and one more, without a schema", (_method(), greedy)


def _with_state(method: Any) -> Any:
    """Let a method take a second argument, the state it is given."""
    qualified, code, (arguments, returns) = method
    state = (("name", "state"), ("type", "Any"), ("default_value", None))
    return qualified, code, ((arguments[0], (*arguments[1], state)), returns)


def _texts() -> Iterator[tuple[str, str]]:
    """Yield texts that are no types."""
    yield "a deep type", "List[" * MARK_FOREVER + "int" + "]" * MARK_FOREVER
    yield "a union", "Union[int, str]"
    yield "a list of unions", "List[Union[int, str]]"
    yield "a class nobody registered", "__torch__.torch.classes.no.Class"
    yield "a list of them", "List[__torch__.torch.classes.no.Class]"
    yield "one of them after a space", " __torch__.torch.classes.no.Class"
    yield "one of them with spaces", "__torch__ . torch . classes . no . Class"
    yield "an unclosed type", "List[int"
    yield "no type at all", "!"
    yield "an empty type", ""


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield models that load: what the fuzzer begins with."""
    yield "plain", _model()
    yield "tensors", _model(data=module(a=tensor(), b=[tensor()], c={"d": (tensor(), None)}))
    typed = called("torch.jit._pickle", "restore_type_tag", {"a": 1}, "Dict[str, int]")
    listed = called("torch.jit._pickle", "build_intlist", [1, 2, 3])
    number = called("builtins", "complex", 1.0, 2.0)
    part = made("__torch__", "Part", {"a": 1, "b": listed})
    yield "values", _model(data=module(a=typed, b=listed, c=number, d=part, e="text", f=1.5))
    yield (
        "device",
        _model(data=module(a=called("torch", "device", "cpu"), b=name("torch", "FloatStorage"))),
    )
    restore = _method(
        qualified="__torch__.Net.__setstate__",
        instructions=(
            ("STOREN", 1, 2), ("LOAD", 1, 0), ("LOAD", 2, 0), ("SET_ATTR", 0, 0), ("LOAD", 1, 0),
            ("GET_ATTR", 0, 0), ("JF", 3, 0), ("LOAD", 2, 0), ("JMP", 3, 0), ("LOAD", 2, 0),
            ("JMP", 1, 0), ("RET", 0, 0),
        ),
        types=("List[int]", "Dict[str, Tensor]", "__torch__.T[NamedTuple, [[a, int]]]"),
    )  # fmt: skip
    yield (
        "state",
        _model(
            _method(), _with_state(restore), data=pickled(made("__torch__", "Net", Raw(b"\x88")))
        ),
    )
