"""Dtypes that calls ask for with a constant: `x.to(torch.half)` makes halves out of any input.

A call takes its arguments from the stack, so a constant pushed for the place where an operator has
its `dtype` is what it will get. Only runs of instructions without branches, and without results of
other calls on top, are believed: what is found is certain, and not all there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from builder.vocabulary.dtypes import STORED_NUMBERS
from builder.vocabulary.models import Instruction
from builder.vocabulary.operators import OperatorUse

_PLACES: Final[Mapping[int, str]] = {
    1: "arange as_tensor as_tensor.list bartlett_window blackman_window empty.memory_format"
    " empty_like eye hamming_window hann_window kaiser_window mean ones ones_like prod rand"
    " rand_like randn randn_like randperm scalar_tensor sum tensor tensor.bool tensor.complex"
    " tensor.float tensor.int to.dtype to.dtype_layout to.prim_dtype view.dtype zeros zeros_like",
    2: "arange.start bartlett_window.periodic blackman_window.periodic cumprod cumsum"
    " empty_strided eye.m fft_fftfreq fft_rfftfreq full full_like hamming_window.periodic"
    " hann_window.periodic kaiser_window.periodic log_softmax.int new_empty new_ones new_zeros"
    " norm.ScalarOpt_dtype randint randint_like range softmax.int special_log_softmax"
    " special_softmax to.device to.prim_Device",
    3: "arange.start_step linspace mean.dim nanmean nansum new_empty_strided new_full prod.dim_int"
    " quantize_per_tensor randint.low randint_like.low_dtype range.step sum.dim_IntList"
    " tril_indices triu_indices",
    4: "linalg_matrix_norm linalg_norm linalg_vector_norm logspace norm.ScalarOpt_dim_dtype"
    " quantize_per_channel",
}
DTYPE_PLACES: Final = {
    f"aten::{name}": place for place, names in _PLACES.items() for name in names.split()
}
"""Where the `dtype` stands among the arguments of an operator, counted from zero."""

_PUSH_ONE: Final = frozenset({"LOAD", "MOVE"})
_JUMPS: Final = frozenset({"JF", "JMP", "LOOP"})
_UNKNOWN: Final = -1


def asked_dtypes(
    instructions: Sequence[Instruction],
    operators: Sequence[OperatorUse],
    constants: Sequence[object],
) -> Iterator[str]:
    """Yield the dtypes that calls of one function certainly ask for."""
    targets = {
        position + offset
        for position, (opcode, offset, _) in enumerate(instructions)
        if opcode in _JUMPS
    }
    pushed: list[int] = []  # numbers of constants, the top of the stack last
    for position, (opcode, first, _) in enumerate(instructions):
        if position in targets:
            pushed.clear()
        if opcode == "LOADC":
            pushed.append(first)
        elif opcode in _PUSH_ONE:
            pushed.append(_UNKNOWN)
        else:
            if opcode == "OP":
                yield from _asked(operators[first], pushed, constants)
            pushed.clear()


def _asked(use: OperatorUse, pushed: Sequence[int], constants: Sequence[object]) -> Iterator[str]:
    place = DTYPE_PLACES.get(str(use.name))
    if place is None or use.arguments is None or not place < use.arguments <= len(pushed) + place:
        return
    number = pushed[place - use.arguments]
    if not 0 <= number < len(constants):
        return
    match constants[number]:
        case bool():
            return
        case int(value) if value in STORED_NUMBERS:
            yield STORED_NUMBERS[value]
