"""What an artifact of an earlier build says of itself, read without trusting it."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builder.artifact.manifest import VERSION
from builder.foundation.coordinates import Coordinates
from builder.foundation.files import sha256_file
from builder.vocabulary.checks import Check
from builder.vocabulary.dtypes import Use, names_for
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Rewrite
from builder.vocabulary.operators import Holdings, OperatorName, OperatorUse
from builder.vocabulary.plan import Isa, Java, Kernels, Messages
from builder.vocabulary.targets import Abi, Platform, Target

_LARGEST_MANIFEST: Final = 64 << 20
_MOST_LEVELS: Final = 10_000
"""Bytes: far above what builds write."""

_OF_ANOTHER_VERSION: Final = "it is of a version this program does not read"

HINT: Final = "name an archive or a folder that `build-runtime MODEL --abi …` wrote"


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file as the manifest has it: its place in the artifact, size in bytes and hash."""

    path: PurePosixPath
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where a kind of archive keeps what commands look for, below the folder it is unpacked in.

    `program` runs models; an app has none. `selection` are the operators that were asked for,
    `size_report` is JSON, `notice` and `sbom` say of what the library was made.
    Nothing unknown may be in the folders `loaded`: the loader could take it for a library it needs.
    """

    library: PurePosixPath
    program: PurePosixPath | None
    selection: PurePosixPath | None
    size_report: PurePosixPath | None
    notice: PurePosixPath | None
    sbom: PurePosixPath | None
    loaded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact on disk and what its manifest says.

    `source` is the file or folder the user named, `root` the folder it lies unpacked in, the same
    for a folder. `models` are the places of the packaged models by name, `sources` the hashes of
    the files that all models were made of; `selected` are the operators that were asked for, by the
    models and operator lists `wanted_by`. `kernel_dtypes` are those the kernels were compiled for,
    `stored_dtypes` those of tensors in the packaged models. `messages` is how much its errors say,
    `kernels` whose kernels it was built with, `isa` up to which instruction set, `rewrite` how its
    models were converted, `java` whether it has classes. `abis` are all that lie in the same
    archive, `coordinates` those of an AAR. `found` is what was checked when it was opened: how the
    library lies in an app.
    """

    source: Path
    root: Path
    target: Target
    models: tuple[tuple[str, PurePosixPath], ...]
    sources: tuple[tuple[str, str], ...]
    selected: frozenset[str]
    wanted_by: frozenset[str]
    kernel_dtypes: frozenset[str]
    stored_dtypes: frozenset[str]
    messages: Messages
    kernels: Kernels
    isa: Isa
    rewrite: Rewrite
    java: Java
    holdings: Holdings
    build_id: str
    files: tuple[PackedFile, ...]
    places: Places
    abis: tuple[Abi, ...]
    coordinates: Coordinates | None = None
    found: tuple[Check, ...] = ()

    @property
    def is_app(self) -> bool:
        """Whether it is an app with our library in it: its files are not those of the manifest."""
        return self.places.program is None

    @property
    def library(self) -> Path:
        """The runtime itself."""
        return self.root / self.places.library

    @property
    def program(self) -> Path | None:
        """The program that runs a model in it, if there is one."""
        return None if self.places.program is None else self.root / self.places.program


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
    for folder in artifact.places.loaded:
        for place in sorted((artifact.root / folder).rglob("*")):
            path = PurePosixPath(place.relative_to(artifact.root).as_posix())
            if path not in known and not (place.is_dir() and not place.is_symlink()):
                found.append(f"{path}: is not part of the artifact")
    needed = (artifact.places.library, artifact.places.program)
    found += [
        f"{path}: the manifest does not list it" for path in needed if path and path not in known
    ]
    return tuple(found)


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Raise `UsageError` for what is wrong with the manifest of an artifact."""
    try:
        yield
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


def read_manifest(place: Path, source: Path) -> dict[str, Any]:
    """Return the JSON of a manifest's file; raise `UsageError` unless it is an object."""
    with reading(source), place.open("rb") as stream:
        text = stream.read(_LARGEST_MANIFEST + 1)
    return read_document(text, source)


def read_document(text: bytes, source: Path) -> dict[str, Any]:
    """Return the JSON of a manifest; raise `UsageError` unless it is an object."""
    with reading(source):
        if len(text) > _LARGEST_MANIFEST:
            message = "it is too large"
            raise ValueError(message)
        document = json.loads(text.decode("utf-8"))
        if not isinstance(document, dict):
            raise TypeError(_OF_ANOTHER_VERSION)
    return document


def read_artifact(
    document: dict[str, Any], source: Path, root: Path, places: Callable[[Target], Places]
) -> Artifact:
    """Return what the manifest of one target says; raise `UsageError` where it makes no sense.

    `source` is what the user named, `root` the folder its files lie in.
    """
    with reading(source):
        # version 1 called it `schema_version`
        if document.get("version", document.get("schema_version")) not in (1, VERSION):
            raise ValueError(_OF_ANOTHER_VERSION)
        return _artifact(source, root, document, places)


def read_files(documents: Iterable[dict[str, Any]]) -> tuple[PackedFile, ...]:
    """Return the files that a manifest lists."""
    return tuple(
        PackedFile(inner(it["path"]), int(it["size"]), str(it["sha256"])) for it in documents
    )


def _level(told: object) -> int | None:
    if told is None or (isinstance(told, int) and 0 < told < _MOST_LEVELS):
        return told
    message = f"{told!r} is no API level"
    raise ValueError(message)


def _artifact(
    source: Path, root: Path, document: dict[str, Any], places: Callable[[Target], Places]
) -> Artifact:
    told, holds = document["target"], document["result"]["holds"]
    target = Target(Platform(told["platform"]), Abi(told["abi"]), _level(told["api_level"]))
    kernels = frozenset(map(str, document["profile"]["dtypes"]))
    stored = frozenset(map(str, document["dtypes"]))
    # kernels of quantized tensors are not selected by dtype: it has all of them, or none
    backends = document["profile"]["backends"]
    quantized = names_for(Use.QUANTIZED) if "QuantizedCPU" in backends else frozenset[str]()
    return Artifact(
        source=source,
        root=root,
        target=target,
        models=tuple(
            (str(it["name"]), inner(it["file"]))
            for it in document["models"]
            if it["file"] is not None  # which lies beside the archive
        ),
        sources=tuple(
            (str(it["name"]), str(it.get("source_sha256", ""))) for it in document["models"]
        ),
        selected=frozenset(str(OperatorName.parse(it["name"])) for it in document["operators"]),
        wanted_by=frozenset(str(name) for it in document["operators"] for name in it["models"]),
        kernel_dtypes=kernels,
        stored_dtypes=stored,
        # manifests did not tell at first, when there was no choice
        messages=Messages(document["profile"].get("messages", Messages.SHORT)),
        kernels=Kernels(document["profile"].get("kernels", Kernels.AUTO)),
        isa=Isa(document["profile"].get("isa", Isa.AVX2)),
        rewrite=Rewrite(document.get("rewrite", Rewrite.OFF)),
        java=Java.ON if "jdk" in document.get("toolchain", {}) else Java.OFF,
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
        build_id=str(document["result"].get("build_id", "")),
        places=places(target),
        abis=(target.abi,),
        files=read_files(document["result"]["files"]),
    )


def _optional_count(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    message = f"{value!r} is no number of arguments"
    raise TypeError(message)


def _range(value: list[Any]) -> tuple[int, int]:
    lowest, highest = value
    return int(lowest), int(highest)


def inner(name: str) -> PurePosixPath:
    """Return a path inside the artifact; raise `ValueError` for one that leads out.

    A name that cannot be printed is refused, too: it could do things to the terminal.
    """
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or not path.parts
    if unsafe or not name.isprintable():
        message = f"it names the path {name!r}"
        raise ValueError(message)
    return path
