"""What goes into an artifact, of whichever kind its archive is."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from builder.foundation.files import sha256_file
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Target


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of the archive: its place there, and its content or the file that holds it."""

    path: PurePosixPath
    content: bytes | Path
    executable: bool = False

    def __post_init__(self) -> None:
        """Keep the file inside the folder the archive is unpacked in."""
        assert not self.path.is_absolute(), self.path
        assert self.path.parts, "a file needs a name"
        assert ".." not in self.path.parts, self.path

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content as lower-case hex."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        return sha256_file(self.content)

    def read(self) -> bytes:
        """Return the content."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Presence(StrEnum):
    """How a part is in a library: code of its own, or what its headers put into that of others."""

    LINKED = "linked"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class Licence:
    """One text of a licence, and the name its file gets."""

    name: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """What a library was made of, as its link map proves it.

    `version` is a release or a commit, `sha256` that of the archive it came in; either is empty
    where it is not known. `licence` is an SPDX expression, empty for what is the user's own. `size`
    is how many bytes of the library are its own.
    """

    name: str
    version: str
    sha256: str
    licence: str
    presence: Presence
    size: int
    texts: tuple[Licence, ...]


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The same for `org.pytorch.torchvision`, which is a library of its own for apps."""

    jar: bytes
    library: Path
    documents: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class JavaFiles:
    """The jar with the classes of `org.pytorch`, and the library with their native functions.

    `jdk` is the release of the JDK that compiled the classes. `documents` are jars for developers,
    by their classifier in a repository. `images` are for platforms that have some.
    """

    jar: bytes
    library: Path
    jdk: int
    documents: tuple[tuple[str, bytes], ...] = ()
    images: ImageFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into an archive for one target, besides its manifest.

    `program` runs models, `benchmark` times them as PyTorch Mobile's tool does.
    `models` are pairs of a name and a `.ptl`. `parts` are sorted by name. `selected_operators` is
    YAML; `size_json`, `size_text` and `size_html` are `size` rendered.
    """

    target: Target
    version: str
    library: Path
    header: Path
    program: Path
    benchmark: Path
    models: tuple[tuple[str, Path], ...]
    parts: tuple[Part, ...]
    selected_operators: str
    size: SizeReport
    size_json: str
    size_text: str
    size_html: str
    java: JavaFiles | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A finished archive. `size` is bytes; `manifest` is the JSON in it, if it has some."""

    archive: Path
    size: int
    sha256: str
    manifest: str
