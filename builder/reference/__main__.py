"""Run a model in desktop torch: `python -m builder.reference MODEL SPEC INPUTS EXPECTED`.

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
from typing import Any, Final

import numpy as np
import torch
from torch.jit.mobile import _load_for_lite_interpreter  # type: ignore[attr-defined, unused-ignore]

from builder.values import Tensor, Value, encode

_SEED: Final = 20_26
_INTEGERS_BELOW: Final = 2  # small enough for any vocabulary an integer input may index


def _to_value(value: object) -> Value:
    if isinstance(value, torch.Tensor):
        if value.is_quantized or value.is_sparse:
            message = f"a {value.dtype} {value.layout} tensor cannot be compared"
            raise TypeError(message)
        return _to_tensor(value.detach().cpu().contiguous())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return tuple(_to_value(item) for item in value)
    if isinstance(value, list):
        return [_to_value(item) for item in value]
    if isinstance(value, Mapping):
        return {_to_value(key): _to_value(item) for key, item in value.items()}
    message = f"a value of type {type(value).__name__} cannot be compared"
    raise TypeError(message)


def _load(path: Path | str) -> Any:  # noqa: ANN401  a LiteScriptModule
    return _load_for_lite_interpreter(str(path))  # type: ignore[no-untyped-call]


def _to_tensor(value: torch.Tensor) -> Tensor:
    raw = (
        value.resolve_conj().resolve_neg().reshape(-1).view(torch.uint8) if value.numel() else None
    )
    data = b"" if raw is None else raw.numpy().tobytes()
    return Tensor(str(value.dtype).removeprefix("torch."), tuple(value.shape), data)


def _from_file(path: Path) -> tuple[Any, ...]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return tuple(torch.from_numpy(archive[name]) for name in archive.files)
    value = torch.load(path, weights_only=True, map_location="cpu")
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _from_shape(shape: list[int], dtype: str) -> torch.Tensor:
    kind = getattr(torch, dtype)
    if kind.is_floating_point or kind.is_complex:
        return torch.randn(shape, dtype=torch.float32).to(kind)
    return torch.randint(0, _INTEGERS_BELOW, shape).to(kind)


def _cases(spec: dict[str, Any], model: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401  a ScriptModule or LiteScriptModule
    if spec.get("bundled"):
        return [tuple(case) for case in model.run_method("get_all_bundled_inputs")]
    if "shapes" in spec:
        pairs = zip(spec["shapes"], spec["dtypes"], strict=True)
        return [tuple(_from_shape(shape, dtype) for shape, dtype in pairs)]
    return [_from_file(Path(name)) for name in spec["files"]]


def main(argv: list[str]) -> int:
    """Run the model of the command line; return the exit code."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(_SEED)
    path, spec, inputs, expected = Path(argv[0]), json.loads(argv[1]), argv[2], argv[3]
    lite = spec.get("lite", False)
    model = _load(path) if lite else torch.jit.load(path, "cpu")  # type: ignore[no-untyped-call]
    try:
        cases = _cases(spec, _load(spec["ptl"]))
        values = [_to_value(case) for case in cases]
    except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
        sys.stderr.write(
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\n"
        )
        return 2
    Path(inputs).write_bytes(encode(values))
    results: list[Value] = []
    for case in cases:
        torch.manual_seed(_SEED)
        try:
            with torch.inference_mode():
                results.append(_to_value(model(*case)))
        except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
            sys.stderr.write(f"{type(error).__name__}: {str(error).splitlines()[-1]}\n")
            return 3
    Path(expected).write_bytes(encode(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
