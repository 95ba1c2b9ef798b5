"""Value files: what goes into a run of the runtime and what comes out, in one binary format.

The runtime's `run` program reads and writes the same format (`native/tools/value_file.c`).
All numbers are little-endian:

    file    = "BRVF" u16 version (1) u16 zero, one value, end of file
    value   = u8 tag, content
    tag 0   None       -
    tag 1   bool       u8 (0 or 1)
    tag 2   int        i64
    tag 3   float      f64
    tag 4   str        text
    tag 5   tensor     u8 dtype (number of at::ScalarType), u8 rank, i64 per dimension,
                       elements in row-major order
    tag 6   list       u32 count, values
    tag 7   tuple      u32 count, values
    tag 8   dict       u32 count, pairs of key and value
    tag 9   failure    text: what a case of a run failed with
    tag 10  complex    f64 real part, f64 imaginary part
    tag 11  device     text: its name
    tag 12  quantized  u8 dtype (number of at::ScalarType), a tensor of the stored integers, and a
                       tuple of what they stand for: (scale, zero point), or where these differ
                       along a dimension (scales, zero points, dimension)
    text    = u32 size in bytes, UTF-8

A file of inputs holds either a tuple, the arguments of one call, or a list of such tuples. The
outputs of one call are its result; those of a list are the list of results. Failures, devices and
quantized tensors are in outputs alone: the program does not read them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union

from builder.vocabulary import dtypes
from builder.vocabulary.dtypes import Use

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_RANK: Final = 64
MAX_DEPTH: Final = 64
"""Containers inside containers; deeper files are refused by both readers."""

_HEADER: Final = b"BRVF" + struct.pack("<HH", 1, 0)
_NONE, _BOOL, _INT, _FLOAT, _STR, _TENSOR, _LIST, _TUPLE, _DICT, _FAILURE = range(10)
_COMPLEX, _DEVICE, _QUANTIZED = range(10, 13)


_DTYPES: Final = {it.torch: it for it in dtypes.DTYPES if Use.VALUES in it.uses}
_BY_NUMBER: Final = {it.number: name for name, it in _DTYPES.items()}
_INTEGERS: Final = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}
_QUANTIZED_NUMBERS: Final = {it.torch: it.number for it in dtypes.DTYPES if it.torch in _INTEGERS}

DTYPES: Final = tuple(_DTYPES)
"""Names of the dtypes a value file can hold, as PyTorch spells them."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as plain bytes: little-endian elements in row-major order.

    Raises `ValueError` for a dtype not in `DTYPES`, a shape that is impossible, or data that does
    not fit the shape.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        """Refuse what no reader could make sense of."""
        if self.dtype not in _DTYPES:
            message = f"a value file cannot hold dtype {self.dtype!r}"
            raise ValueError(message)
        if len(self.shape) > MAX_RANK or any(size < 0 for size in self.shape):
            message = f"impossible shape {self.shape}"
            raise ValueError(message)
        needed = math.prod(self.shape) * _DTYPES[self.dtype].size
        if len(self.data) != needed:
            message = (
                f"shape {self.shape} of {self.dtype} needs {needed} bytes, got {len(self.data)}"
            )
            raise ValueError(message)

    @staticmethod
    def from_numpy(array: NDArray[Any]) -> Tensor:
        """Copy an array of any layout or byte order; raise `ValueError` for a foreign dtype."""
        name = array.dtype.name
        facts = _DTYPES.get(name)
        if facts is None or not facts.numpy:
            message = f"a value file cannot hold a numpy array of {name}"
            raise ValueError(message)
        return Tensor(name, tuple(array.shape), array.astype(facts.numpy, order="C").tobytes())

    def numpy(self) -> NDArray[Any]:
        """Return a writable array. `bfloat16`, which numpy lacks, becomes float32, exactly."""
        import numpy as np  # noqa: PLC0415  (a tenth of a second that most commands need not pay)

        facts = _DTYPES[self.dtype]
        if facts.numpy:
            return np.frombuffer(self.data, facts.numpy).reshape(self.shape).copy()
        widened = np.frombuffer(self.data, "<u2").astype("<u4") << 16
        return widened.view("<f4").reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Failure:
    """In a list of results, a case that failed: the text of its error."""

    message: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device, by its name, such as `cpu`."""

    name: str


@dataclass(frozen=True, slots=True)
class Quantized:
    """A quantized tensor: the stored integers, and what they stand for.

    `parameters` are the scale and the zero point, or where these differ along a dimension the
    scales, the zero points and that dimension. Raises `ValueError` for what goes not together.
    """

    dtype: str
    stored: Tensor
    parameters: tuple[Value, ...]

    def __post_init__(self) -> None:
        """Refuse integers that are not those of the dtype."""
        if _INTEGERS.get(self.dtype) != self.stored.dtype or len(self.parameters) not in (2, 3):
            message = f"no quantized tensor of {self.dtype}: {self.stored.dtype}, {self.parameters}"
            raise ValueError(message)


Scalar: TypeAlias = (
    bool | int | float | complex | str | Tensor | Device | Quantized | Failure | None
)
Value: TypeAlias = Union[Scalar, "list[Value]", "tuple[Value, ...]", "dict[Value, Value]"]


def encode(value: Value) -> bytes:
    """Return a value file; raise `ValueError` for what the format cannot hold."""
    out = bytearray(_HEADER)
    _encode(value, out, 0)
    return bytes(out)


def encode_inputs(cases: list[Value]) -> bytes:
    """Return a file of inputs; raise `ValueError` for what no runtime can be given."""
    data = encode(cases)  # which bounds how deep they nest
    _refuse_outputs(cases)
    return data


def _refuse_outputs(value: Value) -> None:
    match value:
        case Quantized():
            message = f"a runtime takes no {value.dtype} tensor: quantize it inside of the model"
            raise ValueError(message)
        case Device():
            message = "a runtime takes no device: it has one"
            raise ValueError(message)
        case list() | tuple():
            for item in value:
                _refuse_outputs(item)
        case dict():
            for item in value.values():
                _refuse_outputs(item)
        case _:
            pass


def _encode(value: object, out: bytearray, depth: int) -> None:
    _check_depth(depth)
    match value:
        case None | bool() | int() | float() | complex():
            out += _encode_number(value)
        case str():
            _encode_text(_STR, value, out)
        case Device():
            _encode_text(_DEVICE, value.name, out)
        case Failure():
            _encode_text(_FAILURE, value.message, out)
        case Tensor():
            head = (_TENSOR, _DTYPES[value.dtype].number, len(value.shape))
            out += _pack(f"<BBB{len(value.shape)}q", *head, *value.shape)
            out += value.data
        case Quantized():
            out += bytes((_QUANTIZED, _QUANTIZED_NUMBERS[value.dtype]))
            _encode(value.stored, out, depth + 1)
            _encode(value.parameters, out, depth + 1)
        case _:
            _encode_container(value, out, depth + 1)


def _encode_number(value: complex | None) -> bytes:
    match value:
        case None:
            return bytes((_NONE,))
        case bool():
            return bytes((_BOOL, value))
        case int():
            return _pack("<Bq", _INT, value)
        case float():
            return struct.pack("<Bd", _FLOAT, value)
        case complex():
            return struct.pack("<Bdd", _COMPLEX, value.real, value.imag)


def _encode_container(value: object, out: bytearray, depth: int) -> None:
    match value:
        case list():
            tag, items = _LIST, value
        case tuple():
            tag, items = _TUPLE, list(value)
        case dict():
            tag, items = _DICT, [part for pair in value.items() for part in pair]
        case _:
            message = f"a value file cannot hold a {type(value).__name__}"
            raise ValueError(message)
    out += _pack("<BI", tag, len(value))
    for item in items:
        _encode(item, out, depth)


def _encode_text(tag: int, text: str, out: bytearray) -> None:
    raw = text.encode()
    out += _pack("<BI", tag, len(raw))
    out += raw


def _pack(layout: str, *numbers: int) -> bytes:
    try:
        return struct.pack(layout, *numbers)
    except struct.error as error:
        message = f"a number is too large for a value file: {error}"
        raise ValueError(message) from error


def decode(data: bytes) -> Value:
    """Read a value file; raise `ValueError` for anything that is not exactly one."""
    reader = _Reader(data)
    if reader.take(len(_HEADER)) != _HEADER:
        message = "not a value file, or one of another version"
        raise ValueError(message)
    value = reader.value(0)
    if reader.left:
        message = f"{reader.left} bytes after the value"
        raise ValueError(message)
    return value


class _Reader:
    """A position in the data that never passes its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are not read yet."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            message = f"value file ends early: {size} bytes wanted at {self._at}, {self.left} left"
            raise ValueError(message)
        self._at += size
        return self._data[self._at - size : self._at]

    def value(self, depth: int) -> Value:
        _check_depth(depth)
        tag = self.take(1)[0]
        if tag >= len(_READ):
            message = f"unknown tag {tag} in a value file"
            raise ValueError(message)
        return _READ[tag](self, depth + 1)

    def boolean(self) -> bool:
        byte = self.take(1)[0]
        if byte > 1:
            message = f"a bool of a value file is {byte}"
            raise ValueError(message)
        return byte == 1

    def integer(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def floating(self) -> float:
        (number,) = struct.unpack("<d", self.take(8))
        assert isinstance(number, float)
        return number

    def quantized(self, depth: int) -> Quantized:
        number = self.take(1)[0]
        names = [name for name, it in _QUANTIZED_NUMBERS.items() if it == number]
        stored, parameters = self.value(depth), self.value(depth)
        if not names or not isinstance(stored, Tensor) or not isinstance(parameters, tuple):
            message = f"a quantized tensor of a value file has dtype {number}"
            raise ValueError(message)
        return Quantized(names[0], stored, parameters)

    def count(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def text(self) -> str:
        return self.take(self.count()).decode()  # UnicodeDecodeError is a ValueError

    def tensor(self) -> Tensor:
        number, rank = self.take(2)
        name = _BY_NUMBER.get(number)
        if name is None or rank > MAX_RANK:
            message = f"a tensor of a value file has dtype {number} and rank {rank}"
            raise ValueError(message)
        shape = tuple(self.integer() for _ in range(rank))
        if any(size < 0 for size in shape):
            message = f"impossible shape {shape}"
            raise ValueError(message)
        return Tensor(name, shape, self.take(math.prod(shape) * _DTYPES[name].size))

    def items(self, depth: int) -> list[Value]:
        return [self.value(depth) for _ in range(self.count())]

    def dictionary(self, depth: int) -> dict[Value, Value]:
        pairs: dict[Value, Value] = {}
        for _ in range(self.count()):
            key = self.value(depth)
            if not _is_key(key):
                message = f"a {type(key).__name__} cannot be a key of a value file's dict"
                raise ValueError(message)
            pairs[key] = self.value(depth)
        return pairs


_READ: Final[tuple[Callable[[_Reader, int], Value], ...]] = (
    lambda _reader, _depth: None,
    lambda reader, _depth: reader.boolean(),
    lambda reader, _depth: reader.integer(),
    lambda reader, _depth: reader.floating(),
    lambda reader, _depth: reader.text(),
    lambda reader, _depth: reader.tensor(),
    lambda reader, depth: reader.items(depth),
    lambda reader, depth: tuple(reader.items(depth)),
    lambda reader, depth: reader.dictionary(depth),
    lambda reader, _depth: Failure(reader.text()),
    lambda reader, _depth: complex(reader.floating(), reader.floating()),
    lambda reader, _depth: Device(reader.text()),
    lambda reader, depth: reader.quantized(depth),
)


def _is_key(value: Value) -> bool:
    if isinstance(value, tuple):
        return all(_is_key(item) for item in value)
    return isinstance(value, Hashable)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        message = f"containers are nested deeper than {MAX_DEPTH}"
        raise ValueError(message)
