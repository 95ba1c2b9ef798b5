"""Operator lists: PyTorch's selection files, read, merged without loss, compared and written."""

from builder.lists.reading import parse_list, read_list
from builder.lists.resolving import changes, expand, from_selection, to_selection
from builder.lists.values import EMPTY, ListedOperator, OperatorList
from builder.lists.writing import to_yaml

__all__ = [
    "EMPTY",
    "ListedOperator",
    "OperatorList",
    "changes",
    "expand",
    "from_selection",
    "parse_list",
    "read_list",
    "to_selection",
    "to_yaml",
]
