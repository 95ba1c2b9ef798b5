"""How each kind of archive is packed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from builder.foundation.files import OnWait, locked
from builder.pipeline.packing.aars import pack_aar
from builder.pipeline.packing.tars import pack_tar
from builder.pipeline.proving import Proven
from builder.pipeline.request import Built, Request
from builder.vocabulary.targets import ArchiveKind, platform_facts

PACKERS: Final[Mapping[ArchiveKind, Callable[[tuple[Proven, ...], Request], Built]]] = {
    ArchiveKind.TAR: pack_tar,
    ArchiveKind.AAR: pack_aar,
}

LOCK: Final = ".lock"
"""In the folder that is packed into: builds with different caches may share it."""


def pack(proven: Iterable[Proven], request: Request, on_wait: OnWait | None = None) -> Built:
    """Write the archive of a batch of targets, all of which were proven.

    One build at a time packs into a folder: what is published is the archive that lies there, and
    a list of versions is read before it is written. `on_wait` is told for whom is waited.
    """
    batch = tuple(proven)
    (kind,) = {platform_facts(it.target.platform).archive for it in batch}
    doing = f"packing into {request.output}"
    with locked(request.output / LOCK, doing=doing, on_wait=on_wait):
        return PACKERS[kind](batch, request)
