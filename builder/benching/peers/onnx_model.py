"""The model in ONNX Runtime, exported by torch."""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from builder.benching.peers.torch_model import Timed, read_case

LIBRARIES: Final = ("onnxruntime", "onnx")
"""What it takes; neither is a dependency of ours."""


def missing_libraries() -> tuple[str, ...]:
    """Return those that are not installed."""
    return tuple(name for name in LIBRARIES if importlib.util.find_spec(name) is None)


def onnx_peer(model: Path, inputs: Path, threads: int) -> Timed:
    """Export a TorchScript model, and load it in ONNX Runtime with so many threads."""
    case = read_case(inputs)
    with tempfile.TemporaryDirectory(prefix="build-runtime-onnx-") as scratch:
        path = Path(scratch, "model.onnx")
        script = torch.jit.load(model, "cpu").eval()  # type: ignore[no-untyped-call]
        torch.onnx.export(script, case, str(path), dynamo=False)
        return Timed(lambda: _session(path, case, threads))


def _session(path: Path, case: tuple[Any, ...], threads: int) -> Callable[[], object]:
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    tensors = [it.numpy() for it in case if isinstance(it, torch.Tensor)]
    names = [it.name for it in session.get_inputs()]
    arguments = dict(zip(names, tensors, strict=True))
    return lambda: session.run(None, arguments)
