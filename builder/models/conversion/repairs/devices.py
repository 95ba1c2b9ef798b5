"""Devices in code: a model exported on a GPU names it, and the runtime has a CPU alone.

Traces keep the device of each tensor they make. What is computed does not depend on it.
"""

from collections import Counter
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    constant_before,
    known,
    of_kind,
    replace,
)
from builder.models.formats.places import HERE, is_elsewhere, told

_CPU: Final = torch.device(HERE)


def move_to_cpu(code: Code) -> Counter[str]:
    """Let code name the CPU wherever it names another device; return which, and how often."""
    found: Counter[str] = Counter()
    for node in of_kind(code.graph, "prim::Constant", "prim::GetAttr", "aten::device"):
        device = _device(node, code)
        if device is not None and is_elsewhere(str(device)):
            found[told(str(device))] += 1
            if node.kind() == "prim::GetAttr":
                known(node.input(), code.module).setattr(node.s("name"), _CPU)
            else:
                replace(node, constant_before(node, code.graph, _CPU))
    for node in of_kind(code.graph, "aten::cuda"):
        found["x.cuda() removed"] += 1
        replace(node, node.input())
    return found


def _device(node: Node, code: Code) -> torch.device | None:
    """Return the device that a node makes; None when it makes none, or one that is computed."""
    if node.outputsSize() != 1 or node.output().type().kind() != "DeviceObjType":
        return None
    if node.kind() != "aten::device":
        return _known_device([known(node.output(), code.module)])
    return _known_device([known(it, code.module) for it in node.inputs()])


def _known_device(parts: list[Any]) -> torch.device | None:
    """Return the device of these parts: itself, its text, or its type and its number."""
    try:
        return None if None in parts else torch.device(*parts)
    except RuntimeError:  # it fails in TorchScript, too, but only where it is reached
        return None
