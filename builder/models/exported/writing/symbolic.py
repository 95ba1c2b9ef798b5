"""Arithmetic on sizes: what exported programs call on Python numbers, as TorchScript text.

`torch/_export/serde/serialize.py` lists what torch writes (`_SYM_OPS`).
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

_TORCH: Final[Any] = torch  # its functions of sizes have no types

TEMPLATES: Final[Mapping[Callable[..., Any], str]] = {
    operator.add: "({} + {})",
    operator.sub: "({} - {})",
    operator.mul: "({} * {})",
    operator.truediv: "({} / {})",
    operator.floordiv: "({} // {})",
    operator.mod: "({} % {})",
    operator.neg: "(-{})",
    operator.pos: "({})",
    operator.eq: "({} == {})",
    operator.ne: "({} != {})",
    operator.lt: "({} < {})",
    operator.le: "({} <= {})",
    operator.gt: "({} > {})",
    operator.ge: "({} >= {})",
    operator.and_: "({} and {})",
    operator.or_: "({} or {})",
    operator.not_: "(not {})",
    operator.xor: "({} != {})",
    operator.lshift: "({} << {})",
    operator.rshift: "({} >> {})",
    math.trunc: "int({})",
    math.ceil: "torch.ops.aten.ceil({})",
    math.floor: "torch.ops.aten.floor({})",
    math.sqrt: "torch.ops.aten.sqrt({})",
    _TORCH.sym_not: "(not {})",
    _TORCH.sym_int: "int({})",
    _TORCH.sym_float: "float({})",
    _TORCH.sym_ite: "({1} if {0} else {2})",
    _TORCH.sym_max: "max({}, {})",
    _TORCH.sym_min: "min({}, {})",
    _TORCH.sym_sqrt: "torch.ops.aten.sqrt({})",
}

NAMED: Final[Mapping[str, str]] = {
    f"{it.__module__}.{it.__name__}": text for it, text in TEMPLATES.items()
}
"""The same by the names that guards have for them, `math.trunc`."""

BITWISE: Final = {operator.and_: "({} & {})", operator.or_: "({} | {})", operator.xor: "({} ^ {})"}
"""The same functions where both sides are numbers, not truth values."""

MEASURES: Final[Mapping[str, str]] = {
    "aten::sym_size.int": "{}.size({})",
    "aten::sym_size": "{}.size()",
    "aten::sym_stride.int": "{}.stride({})",
    "aten::sym_stride": "{}.stride()",
    "aten::sym_numel": "{}.numel()",
    "aten::sym_storage_offset": "{}.storage_offset()",
}
"""Operators that measure a tensor."""


def power(base: str, exponent: str, *, whole: bool) -> str:
    """Return a power; of two integers, TorchScript makes a float."""
    return f"int({base} ** {exponent})" if whole else f"({base} ** {exponent})"
