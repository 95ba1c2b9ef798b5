"""Devices that a runtime has, and what is said of a model that names another."""

from typing import Final

from builder.models.formats.faults import shown

NAME: Final = "devices"
HERE: Final = "cpu"
_KNOWN: Final = frozenset({HERE, "meta"})  # tensors on `meta` have no data, on any machine


def is_elsewhere(device: str) -> bool:
    """Tell whether a runtime lacks a device, by its text such as `cuda:0`."""
    return device.partition(":")[0] not in _KNOWN


def told(device: str) -> str:
    """Return what is said of a device that was replaced; its text may be that of a stranger."""
    return f"device {shown(device)} became {HERE}"
