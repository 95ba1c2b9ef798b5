"""Run a model in desktop torch: `python -m …reference MODEL SPEC INPUTS EXPECTED ALLOWED FASTER`.

SPEC is JSON: `{"files": [...]}`, `{"bundled": true}`, or
`{"shapes": [[1, 3]], "dtypes": ["float32"]}`. `"rounds": true` is for a model with 8-bit numbers,
`"own"` are operators of the user's own. With `"unanswered": true` the inputs are all that is
written, as torch cannot run these.
Writes value files: the list of argument tuples, the list of results, and for a model that rounds
computed numbers to 8 bits the allowance of each result (`…reference.sensitivity`). With
`"rewritten": true`, FASTER gets the results of the lite model that this one was rewritten to. The
last line of stderr says what went wrong; exit 2 for wrong inputs, 3 for a model that does not run.
"""

import copy
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import torch

from builder.extensions.learning import learn_operators
from builder.models.prepacked.loading import load_lite
from builder.models.reference.exactness import Watch
from builder.models.reference.inputs import SEED, make_cases, told
from builder.models.reference.originals import load_original
from builder.models.reference.rounder import Rounder
from builder.models.reference.rounding import rounding_as_runtimes_do
from builder.models.reference.sensitivity import measure
from builder.models.reference.surroundings import work_as_on_a_device
from builder.vocabulary.value_files import Device, Quantized, Tensor, Value, encode, encode_inputs


def _to_value(value: object) -> Value:
    if isinstance(value, torch.Tensor):
        return _to_quantized(value) if value.is_quantized else _to_tensor(value)
    if value is None or isinstance(value, bool | int | float | complex | str):
        return value
    if isinstance(value, torch.device):
        return Device(str(value))
    if isinstance(value, tuple):
        return tuple(_to_value(item) for item in value)
    if isinstance(value, list):
        return [_to_value(item) for item in value]
    if isinstance(value, Mapping):
        return {_to_value(key): _to_value(item) for key, item in value.items()}
    message = f"a value of type {type(value).__name__} cannot be compared"
    raise TypeError(message)


def _to_quantized(value: torch.Tensor) -> Quantized:
    parameters: tuple[Value, ...]
    if value.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        parameters = (value.q_scale(), value.q_zero_point())
    else:
        scales, zeros = value.q_per_channel_scales(), value.q_per_channel_zero_points()
        parameters = (_to_tensor(scales), _to_tensor(zeros), value.q_per_channel_axis())
    stored = _to_tensor(value.int_repr())
    return Quantized(str(value.dtype).removeprefix("torch."), stored, parameters)


def _to_tensor(value: torch.Tensor) -> Tensor:
    if value.is_sparse:
        message = f"a {value.dtype} {value.layout} tensor cannot be compared"
        raise TypeError(message)
    value = value.detach().cpu().contiguous()
    raw = (
        value.resolve_conj().resolve_neg().reshape(-1).view(torch.uint8) if value.numel() else None
    )
    data = b"" if raw is None else raw.numpy().tobytes()
    return Tensor(str(value.dtype).removeprefix("torch."), tuple(value.shape), data)


def main(argv: list[str]) -> int:
    """Run the model of the command line; return the exit code."""
    work_as_on_a_device()
    path, spec = Path(argv[0]), json.loads(argv[1])
    inputs, expected, allowed, faster = map(Path, argv[2:])
    learn_operators(spec)
    load = functools.partial(load_original, path, spec)
    model = load()
    try:
        cases = make_cases(spec, load_lite(spec["ptl"]))
        inputs.write_bytes(encode_inputs([_to_value(case) for case in cases]))
    except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
        sys.stderr.write(f"{told(error)}\n")
        return 2
    if spec.get("unanswered"):
        return 0
    try:
        with rounding_as_runtimes_do() if spec.get("rounds") else nullcontext() as rounder:
            results = run_cases(model, cases, rounder)
            if rounder is not None and rounder.unsure:
                again = functools.partial(_run_anew, load, cases, rounder)
                allowed.write_bytes(encode(measure(rounder, again, results)))
    except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
        sys.stderr.write(f"{told(error)}\n")
        return 3
    expected.write_bytes(encode(results))
    if spec.get("rewritten"):
        with suppress(Exception):  # where it does not run, tracing it tells
            faster.write_bytes(encode(run_cases(load_lite(spec["ptl"]), cases, None)))
    return 0


def run_cases(
    model: Callable[..., Any], cases: Sequence[tuple[Any, ...]], rounder: Rounder | None
) -> list[Value]:
    """Return what a model answers to each case; the cases stay as they are."""
    results: list[Value] = []
    for case in copy.deepcopy(cases):
        torch.manual_seed(SEED)
        with torch.inference_mode(), Watch(rounder) if rounder else nullcontext():
            answer = model(*case)
        results.append(_to_value(answer))
    return results


def _run_anew(
    load: Callable[[], Callable[..., Any]], cases: Sequence[tuple[Any, ...]], rounder: Rounder
) -> list[Value]:
    """Run all cases in a model of its own: a run may change what the model holds."""
    return run_cases(load(), cases, rounder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
