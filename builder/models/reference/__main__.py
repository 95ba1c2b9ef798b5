"""Run a model in desktop torch: `python -m builder.models.reference MODEL SPEC INPUTS EXPECTED`.

SPEC is JSON: `{"files": [...]}`, `{"bundled": true}`, or
`{"shapes": [[1, 3]], "dtypes": ["float32"]}`.
Writes two value files: the list of argument tuples, and the list of results. The last line of
stderr says what went wrong; exit 2 for wrong inputs, 3 for a model that does not run.
"""

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from builder.models.conversion.repairs.table import run_here
from builder.models.reference.inputs import SEED, load_lite, make_cases, told
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
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if "qnnpack" in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = "qnnpack"  # the runtime's; others round otherwise
    torch.manual_seed(SEED)
    path, spec, inputs, expected = Path(argv[0]), json.loads(argv[1]), argv[2], argv[3]
    lite = spec.get("lite", False)
    model = load_lite(path) if lite else torch.jit.load(path, "cpu")  # type: ignore[no-untyped-call]
    if not lite:
        run_here(model)
    try:
        cases = make_cases(spec, load_lite(spec["ptl"]))
        written = encode_inputs([_to_value(case) for case in cases])
    except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
        sys.stderr.write(f"{told(error)}\n")
        return 2
    Path(inputs).write_bytes(written)
    results: list[Value] = []
    for case in cases:
        torch.manual_seed(SEED)
        try:
            with torch.inference_mode():
                results.append(_to_value(model(*case)))
        except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
            sys.stderr.write(f"{told(error)}\n")
            return 3
    Path(expected).write_bytes(encode(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
