"""Models made by hand: pickles and archives as torch writes them, and as an attacker would."""

import struct
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

Value = Any

FLOATS: Final = struct.pack("<4f", 1, 2, 3, 4)
NO_GRADIENT: Final = False


class Raw(bytes):
    """Instructions to put into a pickle as they are."""

    __slots__ = ()


def name(module: str, attribute: str) -> Raw:
    return Raw(f"c{module}\n{attribute}\n".encode())


def called(module: str, attribute: str, *arguments: Value) -> Raw:
    return Raw(name(module, attribute) + encoded(arguments) + b"R")


def made(module: str, attribute: str, state: Value) -> Raw:
    return Raw(name(module, attribute) + b")\x81" + encoded(state) + b"b")


def storage(key: str = "0", count: int = 4, kind: str = "Float", location: str = "cpu") -> Raw:
    parts = ("storage", name("torch", f"{kind}Storage"), key, location, count)
    return Raw(encoded(parts) + b"Q")


def tensor(
    of: Raw | None = None, sizes: tuple[int, ...] = (2, 2), strides: tuple[int, ...] = (2, 1)
) -> Raw:
    hooks = called("collections", "OrderedDict")
    rebuild = ("torch._utils", "_rebuild_tensor_v2")
    return called(*rebuild, of or storage(), 0, sizes, strides, NO_GRADIENT, hooks)


def encoded(value: Value) -> bytes:  # noqa: C901, PLR0911  one case per kind of value
    """Return the instructions that push `value`."""
    match value:
        case Raw():
            return value
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if 0 <= value < 256:
            return struct.pack("<cB", b"K", value)
        case int():
            return struct.pack("<cBq", b"\x8a", 8, value)
        case float():
            return struct.pack(">cd", b"G", value)
        case str():
            raw = value.encode(errors="surrogateescape")
            return struct.pack("<cI", b"X", len(raw)) + raw
        case tuple():
            return b"(" + b"".join(map(encoded, value)) + b"t"
        case list():
            return b"](" + b"".join(map(encoded, value)) + b"e"
        case dict():
            return b"}(" + b"".join(encoded(k) + encoded(v) for k, v in value.items()) + b"u"
        case _:
            raise TypeError(type(value))


def pickled(value: Value) -> bytes:
    return b"\x80\x02" + encoded(value) + b"."


RETURN: Final = ("RET", 0, 0)


def calls(operators: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the instructions that call each operator on register 1, and drop its one result."""
    return tuple(
        it
        for index, (_, _, *count) in enumerate(operators)
        for it in (*[("LOAD", 1, 0)] * sum(count), ("OP", index, 0), ("DROP", 0, 0))
    )


def function(
    qualified: str = "__torch__.Net.forward",
    *,
    operators: tuple[Value, ...] = (("aten::add", "Tensor", 3),),
    instructions: tuple[Value, ...] | None = None,
    constants: tuple[Value, ...] = (),
    types: tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    self_type: str = "__torch__.Net",
    kept: int = 0,
) -> Value:
    """Return a method; `takes` are the types of its arguments, whose registers begin at 2.

    After these it has as many registers as it says are `kept`, and one.

    Unless told otherwise it calls its first operator, and returns what that makes.
    """
    if instructions is None:
        first = calls(operators[:1])[:-1]  # its result stays
        instructions = (("STOREN", 1, 1 + len(takes)), *(first or (("LOAD", 1, 0),)), RETURN)
    code = (
        ("instructions", instructions),
        ("operators", operators),
        ("constants", constants),
        ("types", types),
        ("register_size", 2 + len(takes) + kept),
    )
    arguments = tuple(
        (("name", f"a{place}" if place else "self"), ("type", it), ("default_value", None))
        for place, it in enumerate((self_type, *takes))
    )
    return qualified, code, (("arguments", arguments), ("returns", ()))


def bytecode(*functions: Value, version: int = 8) -> bytes:
    return pickled((version, *(functions or (function(),))))


def module(**attributes: Value) -> bytes:
    return pickled(made("__torch__", "Net", attributes or {"weight": tensor()}))


def lite() -> dict[str, bytes]:
    """Return the records of a small lite model."""
    return {
        "data/0": FLOATS,
        "data.pkl": module(),
        "code/__torch__.py": b"class Net(Module):\n" + b"  pass\n" * 40,
        "constants.pkl": pickled(()),
        "bytecode.pkl": bytecode(),
        "version": b"10\n",
        "byteorder": b"little",
    }


def torchscript() -> dict[str, bytes]:
    return {key: value for key, value in lite().items() if key != "bytecode.pkl"}


def archive(
    records: Mapping[str, bytes], *, folder: str = "net", deflated: Collection[str] = ()
) -> bytes:
    """Lay records out as torch's writer does: padding, descriptors, a zip64 end."""
    body, directory = bytearray(), bytearray()
    for key, content in records.items():
        raw = f"{folder}/{key}".encode() if folder else key.encode()
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush() if key in deflated else content
        method, version = (8, 20) if key in deflated else (0, 0)
        padding = -(len(body) + 34 + len(raw)) % 64
        extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        offset = len(body)
        head = (version, 0x0808, method, 0, 0)
        sizes = (zlib.crc32(content), len(packed), len(content))
        body += struct.pack("<4s5H3I2H", b"PK\3\4", *head, 0, 0, 0, len(raw), len(extra))
        body += raw + extra + packed + struct.pack("<4s3I", b"PK\7\x08", *sizes)
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 0, *head, *sizes, len(raw), 0, 0, 0, 0, 0, offset
        )
        directory += raw
    place = (len(directory), len(body))
    count = len(records)
    end64 = struct.pack(
        "<4sQ2H2I4Q", b"PK\6\6", 44, 0x031E, 45, 0, 0, count, count, *place
    ) + struct.pack("<4sIQI", b"PK\6\7", 0, sum(place), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, *place, 0)
    return bytes(body + directory + end64 + end)


def write(path: Path, records: Mapping[str, bytes], **layout: Any) -> Path:
    path.write_bytes(archive(records, **layout))
    return path
