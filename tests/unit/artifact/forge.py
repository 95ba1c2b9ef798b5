"""Artifacts made by hand: as a build would write them, and as nobody should."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LIBRARY = "lib/libbuild_runtime.so"
PROGRAM = "bin/build-runtime-run"
MANIFEST = "share/build_runtime/manifest.json"
CONTENT: Mapping[str, bytes] = {
    LIBRARY: b"the runtime",
    PROGRAM: b"the program",
    "share/build_runtime/models/net.ptl": b"the model",
}


def manifest(content: Mapping[str, bytes] = CONTENT) -> dict[str, Any]:
    """Return the part of a manifest that `verify` reads."""
    return {
        "version": 2,
        "target": {"platform": "linux", "abi": "x86_64", "api_level": None},
        "profile": {"backends": ["CPU"], "dtypes": ["Float", "Long"]},
        "rewrite": "auto",
        "models": [{"name": "net", "file": "share/build_runtime/models/net.ptl"}],
        "operators": [{"name": "aten::add.Tensor", "models": ["net"]}],
        "classes": [],
        "dtypes": ["Float"],
        "result": {
            "holds": {
                "operators": [
                    {"name": "aten::add.Tensor", "arguments": 3},
                    {"name": "aten::format", "arguments": None},
                ],
                "opcodes": ["FORMAT", "LOAD", "OP", "RET", "STOREN"],
                "left_out": ["sparse tensors", "string formatting"],
                "upgraders": False,
                "bytecode_versions": [4, 8],
                "operator_versions": [3, 10],
            },
            "files": [
                {
                    "path": path,
                    "size": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
                for path, data in content.items()
            ],
        },
    }


def write_folder(root: Path, document: object = None) -> Path:
    """Write an artifact as a folder; `document` replaces its manifest."""
    told = manifest() if document is None else document
    for path, data in {**CONTENT, MANIFEST: json.dumps(told).encode()}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def write_archive(path: Path, extra: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> Path:
    """Write an artifact as an archive, with extra members at its end."""
    content = {**CONTENT, MANIFEST: json.dumps(manifest()).encode()}
    plain = []
    for name, data in content.items():
        member = tarfile.TarInfo(name)
        member.size = len(data)
        plain.append((member, data))
    with gzip.open(path, "wb", 1) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for member, data in (*plain, *extra):
            archive.addfile(member, io.BytesIO(data))
    return path
