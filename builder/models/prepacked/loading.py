"""Models in desktop torch, those with packed weights included."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.jit.mobile import _load_for_lite_interpreter  # type: ignore[attr-defined, unused-ignore]

from builder.models.formats.archive import Archive
from builder.models.formats.packing import pack
from builder.models.prepacked import archives
from builder.models.prepacked.operators import register


def load_lite(path: Path | str) -> Any:  # noqa: ANN401  a LiteScriptModule
    """Load a `.ptl` with desktop torch's own lite interpreter."""
    return _load_for_lite_interpreter(_readable(Path(path)))  # type: ignore[no-untyped-call]


def load_script(path: Path | str, extra: Mapping[str, str | bytes] | None = None) -> Any:  # noqa: ANN401
    """Load TorchScript, or the source in a `.ptl`, on the CPU; `extra` gets its extra files."""
    return torch.jit.load(  # type: ignore[no-untyped-call]
        _readable(Path(path)), map_location="cpu", _extra_files=extra
    )


def _readable(path: Path) -> str | io.BytesIO:
    """Return a file as desktop torch reads it: with tuples in the place of packed weights."""
    with path.open("rb") as stream:
        if stream.read(2) != b"PK":
            return str(path)  # a flatbuffer
        archive = Archive(path, stream)
        if not archives.holds_contexts(archive):
            return str(path)
        register()
        records = {name: archive.read(name, limit=it.size) for name, it in archive.records.items()}
    return io.BytesIO(pack(archives.unwrapped(records)))
