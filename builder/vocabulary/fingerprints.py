"""Names of outputs: hashes of whole values, so that no field can be forgotten.

A field counts unless its definition says why it must not: `field(metadata=uncounted("…"))`. A path
is the content of the file there, or with `field(metadata=BY_PLACE)` the place itself.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import Field, fields, is_dataclass
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Final

_REASON: Final = "uncounted"
_PLACE: Final = "by place"

BY_PLACE: Final[Mapping[str, bool]] = MappingProxyType({_PLACE: True})
"""Metadata of a field whose path counts as a place, whatever lies there."""


def uncounted(reason: str) -> Mapping[str, str]:
    """Return the metadata of a field that decides no output, for this reason."""
    assert reason
    return MappingProxyType({_REASON: reason})


def counts(field: "Field[Any]") -> bool:
    """Whether a field of a value is part of its name."""
    return _REASON not in field.metadata


def fingerprint(value: object, *, content: Callable[[Path], str] | None = None) -> str:
    """Return the SHA-256 of the canonical JSON of a value, as hex.

    Equal values have equal names, whatever order their sets are in. `content` names the bytes of a
    file. Raise `TypeError` for what has no canonical form: a path without `content`, for instance,
    as no name may depend on where things lie.
    """
    text = json.dumps(_canonical(value, content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object, content: Callable[[Path], str] | None) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Path) and content is not None:
        return [value.name, content(value)]
    if isinstance(value, PurePath) and not isinstance(value, Path):
        return value.as_posix()  # a name inside of something, not a place
    return _whole(value, content)


def _whole(value: object, content: Callable[[Path], str] | None) -> object:
    if isinstance(value, tuple | list):
        return [_canonical(item, content) for item in value]
    if isinstance(value, AbstractSet):
        return {"set": sorted(json.dumps(_canonical(item, content)) for item in value)}
    if isinstance(value, Mapping):
        pairs = ([_canonical(it, content) for it in pair] for pair in value.items())
        return {"map": sorted(pairs, key=json.dumps)}
    if is_dataclass(value):
        counted = {
            it.name: _field(getattr(value, it.name), it, content)
            for it in fields(value)
            if counts(it)
        }
        return {type(value).__name__: counted}
    message = f"{value!r} has no canonical form"
    raise TypeError(message)


def _field(value: object, field: "Field[Any]", content: Callable[[Path], str] | None) -> object:
    if _PLACE in field.metadata and isinstance(value, Path):
        return str(value.resolve())
    return _canonical(value, content)
