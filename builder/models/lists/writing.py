"""Write upstream's rich YAML: the same content gives the same text."""

from collections.abc import Iterable
from typing import Any

import yaml

from builder.models.lists.operator_list import OperatorList
from builder.models.lists.reading import CLASS, DTYPE, LAYER, OPCODE, UPGRADERS


def to_yaml(listed: OperatorList, *, comment: str = "") -> str:
    """Return the text of a selection file, which torchgen's `SelectiveBuilder` reads too.

    `comment` is for people, and stands above it.
    """
    document: dict[str, Any] = {
        "include_all_operators": listed.all_operators,
        "include_all_non_op_selectives": listed.all_others,
        "build_features": sorted(listed.features | _own_features(listed)),
        "custom_classes": sorted({name.rpartition(".")[2] for name in listed.classes}),
        "debug_info": sorted(listed.debug_info),
        "kernel_metadata": _table(listed.kernels),
        "operators": {
            str(entry.name): {
                "debug_info": sorted(entry.debug_info),
                "include_all_overloads": entry.all_overloads,
                "is_root_operator": entry.root,
                "is_used_for_training": entry.training,
            }
            for entry in listed.operators
        },
    }
    if listed.et_kernels:
        document["et_kernel_metadata"] = _table(listed.et_kernels)
    header = "".join(f"# {line}\n" for line in comment.splitlines())
    return header + yaml.safe_dump(document, sort_keys=True, allow_unicode=True)


def _own_features(listed: OperatorList) -> set[str]:
    """Return what upstream has no key for, by Note [Features of ours]."""
    return {
        *(f"{OPCODE}{name}" for name in listed.instructions or ()),
        *(f"{DTYPE}{name}" for name in listed.dtypes),
        *(f"{CLASS}{name}" for name in listed.classes if "." in name),
        *(f"{LAYER}{name}" for name in listed.layers),
        *([UPGRADERS] if listed.upgraders else []),
    }


def _table(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for tag, item in sorted(pairs):
        table.setdefault(tag, []).append(item)
    return table
