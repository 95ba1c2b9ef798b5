"""`source bundle`: one file with all sources, for machines without a network."""

from pathlib import Path

from builder import RELEASE
from builder.commands.exchange import Answer
from builder.foundation.cache import lease
from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.files import check_file_writable, sha256_file
from builder.foundation.process import Host
from builder.source.bundle import write_bundle
from builder.source.opening import fetching
from builder.source.pins import pins
from builder.vocabulary.errors import SourceError


def bundle(path: Path, host: Host, progress: Progress, *, offline: bool) -> Answer:
    """Write the bundle; raise `SourceError` where an archive can neither be found nor fetched."""
    check_file_writable(path, option="-o")
    release = pins(RELEASE)
    with lease(host.cache), fetching(host, progress):
        try:
            archives = write_bundle(path, release, host, progress, offline=offline)
        except Unavailable as error:
            raise SourceError(
                f"not all archives of PyTorch {RELEASE} can be had",
                looked_in=[str(host.cache / "downloads"), f"debian ({error})"],
                hint="connect to the network of a Debian mirror: the commits that git fetches are"
                " no archives",
            ) from error
    size, digest = path.stat().st_size, sha256_file(path)
    document = {
        "source": RELEASE,
        "bundle": str(path),
        "bytes": size,
        "sha256": digest,
        "archives": [{"file": it.file, "bytes": it.size, "sha256": it.sha256} for it in archives],
    }
    text = [f"{path}: {len(archives)} archives, {size:,} bytes", f"sha256 {digest}"]
    return Answer(document, "\n".join(text))
