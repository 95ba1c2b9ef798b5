"""The table of kernels that ships: a name and a path for each operator of a release."""

import json
import lzma
from collections.abc import Mapping
from typing import Final

from builder.foundation.resources import DATA

FILE: Final = "locations.json.xz"
_VERSION: Final = 1


def read_locations(release: str) -> dict[str, str]:
    """Return the source file of each operator of a release, below the root of its tree.

    Files that its code generator writes begin with `generated/`.
    """
    document = json.loads(lzma.decompress((DATA / release / FILE).read_bytes()))
    files = document["files"]
    return {name: files[number] for name, number in document["operators"]}


def to_bytes(locations: Mapping[str, str]) -> bytes:
    """Return a compressed, stable form that `read_locations` reads."""
    files = sorted(set(locations.values()))
    number = {path: index for index, path in enumerate(files)}
    rows = [[name, number[path]] for name, path in sorted(locations.items())]
    document = {"version": _VERSION, "files": files, "operators": rows}
    return lzma.compress(json.dumps(document, separators=(",", ":")).encode(), preset=9)
