"""`cache export` and `cache import`: objects that are carried to machines that need not compile."""

import tempfile
from pathlib import Path
from typing import Any

from builder.commands.exchange import Answer, Session
from builder.compilation.shared.packs.index import Index, PackedStore
from builder.compilation.shared.packs.reading import import_pack
from builder.foundation.cache import lease
from builder.foundation.fetching.web import fetch, is_address
from builder.foundation.files import sha256_file
from builder.pipeline.carrying.packs import Export, export_pack
from builder.pipeline.request import Request
from builder.vocabulary.errors import UsageError


def export(request: Request, path: Path, session: Session, *, everything: bool) -> Answer:
    """Write a pack, and say what is in it."""
    index = export_pack(Export(request, path, everything), session.host, session.console)
    return _answer(path, str(path), index)


def take(pack: str, sha256: str | None, session: Session) -> Answer:
    """Import a pack: a file, or an address, whose hash is needed."""
    if is_address(pack) and sha256 is None:
        raise UsageError(
            f"{pack} is an address: what it holds may change",
            hint="say what it must be with --sha256 HASH",
        )
    cache = session.host.cache
    with lease(cache), tempfile.TemporaryDirectory(prefix="build-runtime-") as name:
        path = Path(pack)
        if is_address(pack):
            session.console.step(f"fetching {pack}")
            path = Path(name) / "pack"
            fetch(pack, path)
        elif not path.is_file():
            raise UsageError(f"no such pack: {pack}", hint="check the path of the pack")
        session.console.step(f"checking {pack}")
        return _answer(path, pack, import_pack(path, cache, sha256))


def _answer(path: Path, shown: str, index: Index) -> Answer:
    size, digest = path.stat().st_size, sha256_file(path)
    document = {
        "pack": shown,
        "bytes": size,
        "sha256": digest,
        "tool": index.tool,
        "stores": [_describe(it) for it in index.stores],
    }
    count = sum(len(it.objects) for it in index.stores)
    targets = ", ".join(sorted({it.made.target for it in index.stores}))
    text = [
        f"{shown}: {count} objects for {targets or 'nothing'}, {size:,} bytes",
        f"sha256 {digest}",
    ]
    return Answer(document, "\n".join(text))


def _describe(store: PackedStore) -> dict[str, Any]:
    made = store.made
    return {
        "store": store.name,
        "target": made.target,
        "source": made.source,
        "compiler": made.compiler,
        "dtypes": list(made.dtypes),
        "backends": list(made.backends),
        "objects": len(store.objects),
        "bytes": sum(it.bytes for it in store.objects),
    }
