"""What the build stage reports and returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from builder.compilation.shared.launching.session import Launched
from builder.vocabulary.plan import LinkLine


class BuildProgress(Protocol):
    """Told what the build does; rendering is the command line's business."""

    def step(self, text: str) -> None:
        """Begin a step, in a few words."""

    def compiled(self, done: int, known: int, name: str) -> None:
        """Report that `done` of `known` files are compiled, and the file that was last."""


def telling(progress: BuildProgress) -> Callable[[str], None]:
    """Return what tells for whom is waited, for `locked`."""
    return lambda holder: progress.step(f"waiting for {holder}")


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """A linked runtime. `symbols` is the library with its symbol table, where that is kept.

    `objects`: live objects; `compiled` and `reused` split what was needed.

    `program` runs models, `benchmark` times them as PyTorch Mobile's tool does.
    `sources` are the ids of all sources whose objects were looked at, linked or not, with these;
    `linked` are those that are linked.
    `flags` are those that compiled what is linked, by the name of the group of sources.
    `packed` are those of the reused that packs had. `launched` says what became of the launcher
    that compilers were called by, if there was one.
    """

    directory: Path
    library: Path
    symbols: Path | None
    link_map: Path
    program: Path
    benchmark: Path
    objects: int
    compiled: int
    reused: int
    rounds: int
    sources: Mapping[str, Path]
    linked: frozenset[str]
    flags: Mapping[str, tuple[str, ...]]
    link_line: LinkLine
    seconds: float
    log: Path
    launched: Launched | None = None
    packed: int = 0
