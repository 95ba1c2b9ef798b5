"""How each kind of archive is packed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from builder.pipeline.packing.aars import pack_aar
from builder.pipeline.packing.tars import pack_tar
from builder.pipeline.proving import Proven
from builder.pipeline.request import Built, Request
from builder.vocabulary.targets import ArchiveKind, platform_facts

PACKERS: Final[Mapping[ArchiveKind, Callable[[tuple[Proven, ...], Request], Built]]] = {
    ArchiveKind.TAR: pack_tar,
    ArchiveKind.AAR: pack_aar,
}


def pack(proven: Iterable[Proven], request: Request) -> Built:
    """Write the archive of a batch of targets, all of which were proven."""
    batch = tuple(proven)
    (kind,) = {platform_facts(it.target.platform).archive for it in batch}
    return PACKERS[kind](batch, request)
