"""The inputs a model is run on in desktop torch: read from files, made by shape, or bundled."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from builder.models.torch_message import reason

SEED: Final = 20_26
_INTEGERS_BELOW: Final = 2  # small enough for any vocabulary an integer input may index


def make_cases(spec: dict[str, Any], lite: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401  a LiteScriptModule
    """Return the arguments of every call; raise whatever torch raises for inputs it cannot read.

    `lite` is the loaded lite model, which bundled inputs come from.
    """
    if spec.get("bundled"):
        return [tuple(case) for case in lite.run_method("get_all_bundled_inputs")]
    if "shapes" in spec:
        pairs = zip(spec["shapes"], spec["dtypes"], strict=True)
        return [tuple(_from_shape(shape, dtype) for shape, dtype in pairs)]
    return [_from_file(Path(name)) for name in spec["files"]]


def told(error: Exception) -> str:
    """Return why inputs cannot be read, or a model fails on them, as one line for the parent."""
    return reason(type(error).__name__, str(error))


def _from_file(path: Path) -> tuple[Any, ...]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return tuple(torch.from_numpy(archive[name]) for name in archive.files)
    _check_saved(path)
    value = torch.load(path, weights_only=True, map_location="cpu")
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _check_saved(path: Path) -> None:
    """Raise `ValueError` for a file of another kind, of which torch would tell a random byte."""
    with path.open("rb") as stream:
        if not stream.read(4).startswith((b"PK\3\4", b"\x80")):
            message = f"{path.name} is neither what torch.save wrote nor an .npz archive"
            raise ValueError(message)


def _from_shape(shape: list[int], dtype: str) -> torch.Tensor:
    kind = getattr(torch, dtype)
    if kind.is_floating_point or kind.is_complex:
        return torch.randn(shape, dtype=torch.float32).to(kind)
    return torch.randint(0, _INTEGERS_BELOW, shape).to(kind)
