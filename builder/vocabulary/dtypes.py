"""The dtypes of tensors: one table of their names, numbers, sizes and uses.

Note [Two spellings]: models, operators and kernels have ATen's names (`Float`), inside and in all
that is written about them. Values have torch's names (`float32`), as in Python and numpy: the
inputs and answers of a run, and how near answers must be. People may write either. Only this table
turns one into the other.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Flag, auto
from typing import Final

from builder.vocabulary.errors import UsageError, did_you_mean


class Use(Flag):
    """What a dtype is used for."""

    STORED = auto()
    """The interpreter reads tensors of it out of a model."""

    KERNELS = auto()
    """Kernels are selected by it."""

    DEFAULT = auto()
    """A float model computes with it: tensors, masks, indices, images, and Python's scalars."""

    QUANTIZED = auto()
    """Its tensors are quantized."""

    IN_QUANTIZED = auto()
    """Quantized models compute with it, besides the default ones."""

    VALUES = auto()
    """Value files hold it."""


_NAMED: Final = Use(0)
_NO_VALUE: Final = Use.STORED | Use.KERNELS
_SOME: Final = _NO_VALUE | Use.VALUES
_USUAL: Final = _SOME | Use.DEFAULT
_QUANTIZED: Final = Use.STORED | Use.QUANTIZED


@dataclass(frozen=True, slots=True)
class Dtype:
    """One dtype. `number` and `name` are those of `c10::ScalarType`, `torch` is Python's name.

    `size` is in bytes: of one element, or of the byte that `packed` elements share. `numpy` is its
    code for little-endian elements, empty where numpy has none. `cpp` are the names that compilers
    give the type of an element.
    """

    number: int
    name: str
    torch: str
    size: int
    uses: Use
    numpy: str = ""
    cpp: tuple[str, ...] = ()
    packed: int = 1


DTYPES: Final = (
    Dtype(0, "Byte", "uint8", 1, _USUAL, "<u1", ("unsigned char",)),
    Dtype(1, "Char", "int8", 1, _SOME | Use.IN_QUANTIZED, "<i1", ("signed char",)),
    Dtype(2, "Short", "int16", 2, _SOME, "<i2", ("short int", "short")),
    Dtype(3, "Int", "int32", 4, _USUAL, "<i4", ("int",)),
    Dtype(4, "Long", "int64", 8, _USUAL, "<i8", ("long int", "long", "long long")),
    Dtype(5, "Half", "float16", 2, _SOME, "<f2", ("c10::Half",)),
    Dtype(6, "Float", "float32", 4, _USUAL, "<f4", ("float",)),
    Dtype(7, "Double", "float64", 8, _USUAL, "<f8", ("double",)),
    Dtype(8, "ComplexHalf", "complex32", 4, _NO_VALUE, "", ("c10::complex<c10::Half>",)),
    Dtype(9, "ComplexFloat", "complex64", 8, _SOME, "<c8", ("c10::complex<float>",)),
    Dtype(10, "ComplexDouble", "complex128", 16, _SOME, "<c16", ("c10::complex<double>",)),
    Dtype(11, "Bool", "bool", 1, _USUAL, "?", ("bool",)),
    Dtype(12, "QInt8", "qint8", 1, _QUANTIZED | Use.IN_QUANTIZED, "", ("c10::qint8",)),
    Dtype(13, "QUInt8", "quint8", 1, _QUANTIZED | Use.IN_QUANTIZED, "", ("c10::quint8",)),
    Dtype(14, "QInt32", "qint32", 4, _QUANTIZED | Use.IN_QUANTIZED, "", ("c10::qint32",)),
    Dtype(15, "BFloat16", "bfloat16", 2, _SOME, "", ("c10::BFloat16",)),
    Dtype(16, "QUInt4x2", "quint4x2", 1, _QUANTIZED, packed=2),
    Dtype(17, "QUInt2x4", "quint2x4", 1, _QUANTIZED, packed=4),
    Dtype(18, "Bits1x8", "bits1x8", 1, _NAMED, packed=8),
    Dtype(19, "Bits2x4", "bits2x4", 1, _NAMED, packed=4),
    Dtype(20, "Bits4x2", "bits4x2", 1, _NAMED, packed=2),
    Dtype(21, "Bits8", "bits8", 1, _NAMED),
    Dtype(22, "Bits16", "bits16", 2, _NAMED),
    Dtype(23, "Float8_e5m2", "float8_e5m2", 1, Use.STORED),
    Dtype(24, "Float8_e4m3fn", "float8_e4m3fn", 1, Use.STORED),
    Dtype(25, "Float8_e5m2fnuz", "float8_e5m2fnuz", 1, Use.STORED),
    Dtype(26, "Float8_e4m3fnuz", "float8_e4m3fnuz", 1, Use.STORED),
    Dtype(27, "UInt16", "uint16", 2, Use.STORED, "<u2", ("short unsigned int", "unsigned short")),
    Dtype(28, "UInt32", "uint32", 4, Use.STORED, "<u4", ("unsigned int",)),
    Dtype(29, "UInt64", "uint64", 8, Use.STORED, "<u8", ("long unsigned int", "unsigned long")),
    *(Dtype(29 + bits, f"UInt{bits}", f"uint{bits}", 1, _NAMED) for bits in range(1, 8)),
    *(Dtype(36 + bits, f"Int{bits}", f"int{bits}", 1, _NAMED) for bits in range(1, 8)),
)  # fmt: skip
"""Every dtype of PyTorch 2.6 (c10/core/ScalarType.h)."""

BY_NAME: Final = {it.name: it for it in DTYPES}
STORED: Final = {it.name: it for it in DTYPES if Use.STORED in it.uses}
"""What models may hold or ask for, by ATen's names."""

STORED_NUMBERS: Final = {it.number: it.name for it in STORED.values()}


def names_for(use: Use) -> frozenset[str]:
    """Return ATen's names of the dtypes with a use."""
    return frozenset(it.name for it in DTYPES if use in it.uses)


DEFAULT_DTYPES: Final = names_for(Use.DEFAULT)
KNOWN_DTYPES: Final = names_for(Use.KERNELS)
QUANTIZED_DTYPES: Final = names_for(Use.IN_QUANTIZED)
"""What kernels are compiled for: by default, at most, and for quantized models without asking."""

VALUE_DTYPES: Final = names_for(Use.VALUES)
"""What inputs and answers may be of."""

_BY_WORD: Final = {
    spelling.casefold(): it.name for it in DTYPES for spelling in (it.name, it.torch)
}


def parse_dtypes(texts: Iterable[str], known: AbstractSet[str], *, more: str = "") -> list[str]:
    """Return ATen's names of dtypes that people wrote: ATen's (`Float`) or torch's (`float32`).

    Letters may be of either case. Raise one `UsageError` for all that are not in `known`, which has
    ATen's names; `more` is what else may be written in their place.
    """
    words = [text.strip() for text in texts]
    found = [_BY_WORD.get(word.casefold(), "") for word in words]
    unknown = sorted({word for word, name in zip(words, found, strict=True) if name not in known})
    if unknown:
        rows = [it for it in DTYPES if it.name in known]
        near = [spelling for it in rows for spelling in (it.name, it.torch)]
        names = ", ".join(f"{word}{did_you_mean(word, near)}" for word in unknown)
        listed = ", ".join(f"{it.name} ({it.torch})" for it in rows)
        raise UsageError(f"unknown dtype {names}", hint=f"use {listed}{more}")
    return found


def parse_kernel_dtypes(text: str) -> frozenset[str] | None:
    """Return the dtypes of a setting: names separated by commas, `all`, or None for an empty text.

    Raise `UsageError` for dtypes that no kernel is compiled for.
    """
    if not text:
        return None
    if text.strip().casefold() == "all":
        return KNOWN_DTYPES
    known = KNOWN_DTYPES | QUANTIZED_DTYPES
    return frozenset(parse_dtypes(text.split(","), known, more=", or `all`"))
