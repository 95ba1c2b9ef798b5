"""Objects of packs that were imported, where they are what compiling would make.

Ninja takes them as compilers: `launched.sh` copies an object that was laid out instead of compiling
it, and ninja notes its command and its dependencies as ever. See Note [Packs] in `index`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from builder.compilation.shared.packs.index import FILE_NAME, PackedObject, parse_index
from builder.foundation.files import sha256_file
from builder.vocabulary.errors import UsageError

SHELF: Final = "packs"


@dataclass(frozen=True, slots=True)
class Offer:
    """An object that may be taken, and the file it is in."""

    packed: PackedObject
    path: Path

    @property
    def dependencies(self) -> str:
        """Return what the compiler would write of it for ninja."""
        return f"{self.packed.output}: {' '.join(sorted(self.packed.inputs))}\n"


def folder_of(cache: Path, store: str) -> Path:
    """Return where the objects of packs are kept for a store, each pack in a folder of its own."""
    return cache / SHELF / store


def find_offers(
    folder: Path, wanted: Iterable[str], build: Path, commands: Iterable[tuple[str, str]]
) -> tuple[Offer, ...]:
    """Return the objects among `wanted` that packs have and that compiling in `build` would make.

    `commands` are those of the store with the object each makes. What is damaged is no offer.
    """
    wanted = frozenset(wanted)
    known = {output: command for command, output in commands}
    digest = cache(lambda name: _digest(build / name))
    found: dict[str, Offer] = {}
    for packed, path in _packed(folder):
        fits = packed.output in wanted and known.get(packed.output) == packed.command
        if fits and all(digest(name) == it for name, it in packed.inputs.items()):
            found.setdefault(packed.output, Offer(packed, path))
    return tuple(it for it in found.values() if _digest(it.path) == it.packed.sha256)


def _packed(folder: Path) -> Iterator[tuple[PackedObject, Path]]:
    for index in sorted(folder.glob(f"*/{FILE_NAME}")):
        try:
            (store,) = parse_index(index.read_text(encoding="utf-8"), str(index)).stores
        except (OSError, UsageError, ValueError):
            continue
        for it in store.objects:
            yield it, index.parent / it.output


def _digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError:
        return ""
