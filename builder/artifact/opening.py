"""An artifact of an earlier build: open it without trusting it, and read what it says of itself."""

import gzip
import json
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builder.artifact.layout import LIBRARY, LOADED, MANIFEST, PROGRAM
from builder.artifact.manifest import VERSION
from builder.foundation.files import sha256_file
from builder.vocabulary.dtypes import Use, names_for
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Rewrite
from builder.vocabulary.operators import Holdings, OperatorName, OperatorUse
from builder.vocabulary.plan import Isa, Kernels, Messages
from builder.vocabulary.targets import Abi, Platform, Target

_LARGEST_MANIFEST: Final = 64 << 20
_LARGEST_HEADER: Final = 1 << 20
_MOST_MEMBERS: Final = 20_000
_LARGEST_CONTENT: Final = 8 << 30
"""Bytes (of a file, of one read, of all content) and members: far above what builds write."""

_DAMAGED: Final = (
    tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, FileExistsError,
    NotADirectoryError,
)  # fmt: skip
"""What an archive raises whose bytes are not what a build wrote, ours included."""

_HINT: Final = "name an archive or a folder that `build-runtime MODEL --abi …` wrote"


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file as the manifest has it: its place in the artifact, size in bytes and hash."""

    path: PurePosixPath
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact on disk and what its manifest says.

    `source` is the file or folder the user named, `root` the folder it lies unpacked in, the same
    for a folder. `models` are the places of the packaged models by name; `selected` the operators
    that were asked for, by the models and operator lists `wanted_by`. `kernel_dtypes` are those the
    kernels were compiled for, `stored_dtypes` those of tensors in the packaged models. `messages`
    is how much its errors say, `kernels` whose kernels it was built with, `isa` up to which
    instruction set, `rewrite` how its models were converted.
    """

    source: Path
    root: Path
    target: Target
    models: tuple[tuple[str, PurePosixPath], ...]
    selected: frozenset[str]
    wanted_by: frozenset[str]
    kernel_dtypes: frozenset[str]
    stored_dtypes: frozenset[str]
    messages: Messages
    kernels: Kernels
    isa: Isa
    rewrite: Rewrite
    holdings: Holdings
    files: tuple[PackedFile, ...]

    @property
    def library(self) -> Path:
        """The runtime itself."""
        return self.root / LIBRARY

    @property
    def program(self) -> Path:
        """The program that runs a model in it."""
        return self.root / PROGRAM


@contextmanager
def open_artifact(source: Path, scratch: Path) -> Iterator[Artifact]:
    """Yield an artifact; an archive is unpacked below `scratch` until the block ends.

    Raises `UsageError` for what is no artifact, or has content no build writes: paths that lead
    out, links, special files, or more than is ever in one.
    """
    if not source.exists():
        raise UsageError(f"no such artifact: {source}", hint=_HINT)
    if source.is_dir():
        yield _read(source, source.resolve())
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="artifact-") as name:
        _unpack(source, Path(name))
        yield _read(source, Path(name))


def changed_files(artifact: Artifact) -> tuple[str, ...]:
    """Return every file that is not what the manifest says, one sentence each."""
    found: list[str] = []
    for file in artifact.files:
        place = artifact.root / file.path
        if not place.is_file():
            found.append(f"{file.path}: missing")
        elif (size := place.stat().st_size) != file.size:
            found.append(f"{file.path}: has {size} bytes, {file.size} were written")
        elif sha256_file(place) != file.sha256:
            found.append(f"{file.path}: its content was changed")
    known = {file.path for file in artifact.files}
    for folder in LOADED:
        for place in sorted((artifact.root / folder).rglob("*")):
            path = PurePosixPath(place.relative_to(artifact.root).as_posix())
            if path not in known and not (place.is_dir() and not place.is_symlink()):
                found.append(f"{path}: is not part of the artifact")
    found += [
        f"{path}: the manifest does not list it" for path in (LIBRARY, PROGRAM) if path not in known
    ]
    return tuple(found)


def _read(source: Path, root: Path) -> Artifact:
    path = root / MANIFEST
    if not path.is_file():
        raise UsageError(f"{source} is no artifact of build-runtime: no {MANIFEST}", hint=_HINT)
    try:
        return _artifact(source, root, _document(path))
    except KeyError as error:
        raise UsageError(
            f"the manifest of {source} has no {error}",
            hint="it is damaged, or of an older build-runtime: build the artifact again",
        ) from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UsageError(
            f"the manifest of {source} cannot be read: {error}",
            hint="build the artifact again",
        ) from error


def _document(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_MANIFEST:
        message = "it is too large"
        raise ValueError(message)
    document = json.loads(path.read_text(encoding="utf-8"))
    # version 1 called it `schema_version`
    if not isinstance(document, dict) or document.get(
        "version", document.get("schema_version")
    ) not in (1, VERSION):
        message = "it is of a version this program does not read"
        raise ValueError(message)
    return document


def _artifact(source: Path, root: Path, document: dict[str, Any]) -> Artifact:
    target, holds = document["target"], document["result"]["holds"]
    kernels = frozenset(map(str, document["profile"]["dtypes"]))
    stored = frozenset(map(str, document["dtypes"]))
    # kernels of quantized tensors are not selected by dtype: it has all of them, or none
    backends = document["profile"]["backends"]
    quantized = names_for(Use.QUANTIZED) if "QuantizedCPU" in backends else frozenset[str]()
    return Artifact(
        source=source,
        root=root,
        target=Target(Platform(target["platform"]), Abi(target["abi"]), target["api_level"]),
        models=tuple((str(it["name"]), _inner(it["file"])) for it in document["models"]),
        selected=frozenset(str(OperatorName.parse(it["name"])) for it in document["operators"]),
        wanted_by=frozenset(str(name) for it in document["operators"] for name in it["models"]),
        kernel_dtypes=kernels,
        stored_dtypes=stored,
        # manifests did not tell at first, when there was no choice
        messages=Messages(document["profile"].get("messages", Messages.SHORT)),
        kernels=Kernels(document["profile"].get("kernels", Kernels.AUTO)),
        isa=Isa(document["profile"].get("isa", Isa.AVX2)),
        rewrite=Rewrite(document.get("rewrite", Rewrite.OFF)),
        holdings=Holdings(
            operators=tuple(
                OperatorUse(OperatorName.parse(it["name"]), _optional_count(it["arguments"]))
                for it in holds["operators"]
            ),
            classes=frozenset(map(str, document["classes"])),
            dtypes=kernels | stored | quantized,
            opcodes=frozenset(map(str, holds["opcodes"])),
            left_out=frozenset(map(str, holds["left_out"])),
            upgraders=bool(holds["upgraders"]),
            bytecode_versions=_range(holds["bytecode_versions"]),
            operator_versions=_range(holds["operator_versions"]),
        ),
        files=tuple(
            PackedFile(_inner(it["path"]), int(it["size"]), str(it["sha256"]))
            for it in document["result"]["files"]
        ),
    )


def _optional_count(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    message = f"{value!r} is no number of arguments"
    raise TypeError(message)


def _range(value: list[Any]) -> tuple[int, int]:
    lowest, highest = value
    return int(lowest), int(highest)


def _inner(name: str) -> PurePosixPath:
    """Return a path inside the artifact; raise `ValueError` for one that leads out.

    A name that cannot be printed is refused, too: it could do things to the terminal.
    """
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or not path.parts
    if unsafe or not name.isprintable():
        message = f"it names the path {name!r}"
        raise ValueError(message)
    return path


class _Bounded(gzip.GzipFile):
    """A decompressed stream that refuses to go on where no archive of ours would.

    `tarfile` reads a header's extension in one piece, as long as the header says it is.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            message = "a header is too long"
            raise ValueError(message)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > _LARGEST_CONTENT + _MOST_MEMBERS * _LARGEST_HEADER:
            message = "it holds too much"
            raise ValueError(message)
        return super().seek(offset, whence)


def _unpack(source: Path, into: Path) -> None:
    """Unpack an archive whose every member is a plain file below `into`."""
    try:
        with (
            _Bounded(source, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as archive,
        ):
            total = 0
            for count, member in enumerate(archive):
                total += member.size
                if member.size < 0 or count >= _MOST_MEMBERS or total > _LARGEST_CONTENT:
                    message = "it holds too much"
                    raise ValueError(message)
                _write(archive, member, into)
    except _DAMAGED as error:
        raise UsageError(
            f"{source} is no artifact of build-runtime: {error}", hint=_HINT
        ) from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = _inner(member.name)
    if member.isdir():
        (into / path).mkdir(parents=True, exist_ok=True)
        return
    content = archive.extractfile(member) if member.isreg() else None
    place = into / path
    if content is None or place.exists():
        message = f"{member.name!r} is a link, a special file or there twice"
        raise ValueError(message)
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, place.open("xb") as sink:
        shutil.copyfileobj(content, sink)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)
