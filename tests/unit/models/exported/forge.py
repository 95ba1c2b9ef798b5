"""Exported programs made by hand, as torch.export.save writes them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.unit.models import forge

LEAF: Final[dict[str, Any]] = {"type": None, "context": None, "children_spec": []}
CALL: Final = {"name": "other", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}


def structure(*children: Any, kind: str = "builtins.tuple", context: str = "null") -> str:
    root = {"type": kind, "context": context, "children_spec": list(children)}
    return json.dumps([1, root])


def tensor(*sizes: int | str, device: str = "cpu") -> dict[str, Any]:
    return {
        "dtype": 7,
        "sizes": [
            {"as_int": it} if isinstance(it, int) else {"as_expr": {"expr_str": it, "hint": None}}
            for it in sizes
        ],
        "device": {"type": device, "index": None},
    }


def node(target: str = "torch.ops.aten.relu.default", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "target": target,
        "inputs": [CALL],
        "outputs": [{"as_tensor": {"name": "relu"}}],
        "metadata": {"stack_trace": 'File "/home/me/net.py", line 7, in forward\n    x.relu()'},
        "name": "relu",
    }
    return made | more


def program(*nodes: Any, **more: Any) -> dict[str, Any]:
    """Return a program; `more` are parts of the graph's module, or of the program."""
    module = {
        "graph": {
            "inputs": [{"as_tensor": {"name": "x"}}],
            "outputs": [{"as_tensor": {"name": "relu"}}],
            "nodes": list(nodes) or [node()],
            "tensor_values": {"x": tensor("Symbol('s77', positive=True, integer=True)", 8)},
        },
        "signature": {"input_specs": [{"user_input": {"arg": {"as_tensor": {"name": "x"}}}}]},
        "module_call_graph": [
            {"fqn": "", "signature": {"in_spec": structure(LEAF), "forward_arg_names": ["x"]}}
        ],
    }
    return {
        "graph_module": module,
        "range_constraints": {"s77": {"min_val": 2, "max_val": None}},
        "guards_code": ["L['x'].size()[0] % 2 == 0"],
        "torch_version": "2.13.0+cpu",
    } | more


def payload(*, pickled: bool = False, file: str = "weight_0") -> bytes:
    entry = {"path_name": file, "use_pickle": pickled, "tensor_meta": tensor(2, 2)}
    return json.dumps({"config": {"layer.weight": entry}}).encode()


def samples(value: Any = None) -> bytes:
    """Return what torch.save writes of a value."""
    made = forge.tensor() if value is None else value
    content = {"data.pkl": forge.pickled(((made,), {})), "data/0": forge.FLOATS}
    return forge.archive(content, folder="archive")


def records(document: Any = None, **more: bytes) -> dict[str, bytes]:
    return {
        "models/model.json": json.dumps(document or program()).encode(),
        "data/weights/model_weights_config.json": payload(),
        "data/weights/weight_0": forge.FLOATS,
        "data/constants/model_constants_config.json": json.dumps({"config": {}}).encode(),
        "data/sample_inputs/model.pt": samples(),
        "archive_format": b"pt2",
        "archive_version": b"0",
    } | more


def write(path: Path, content: Mapping[str, bytes] | None = None) -> Path:
    return forge.write(path, content or records(), folder=path.stem)
