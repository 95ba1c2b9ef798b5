"""An artifact of an earlier build, of any kind: opened without trusting it."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from builder.artifact.android import layout as android
from builder.artifact.android.apps import is_app, read_app
from builder.artifact.android.unpacking import check_published, find_aar, read_folder
from builder.artifact.android.zips import reading_zip, unzip
from builder.artifact.reading import HINT, Artifact, read_artifact, read_manifest
from builder.artifact.supply.provenance import check_statement
from builder.artifact.tar import layout as tar
from builder.artifact.tar.unpacking import is_archive, unpack
from builder.vocabulary.checks import FILES, Check, Outcome
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import Abi


def is_artifact(path: Path) -> bool:
    """Whether a path can be an artifact; a model can not, though it is a zip archive, too."""
    if not path.is_file() or is_archive(path):
        return path.exists()
    if not zipfile.is_zipfile(path):
        return False
    try:
        with reading_zip(path) as archive:
            return str(android.MANIFEST) in archive.NameToInfo or is_app(archive)
    except UsageError:  # what reads models says more of it
        return False


@contextmanager
def open_artifacts(source: Path, scratch: Path) -> Iterator[tuple[Artifact, ...]]:
    """Yield an artifact, one value for each of its ABIs.

    An archive is unpacked below `scratch` until the block ends. Raises `UsageError` for what is no
    artifact, or has content no build writes.
    """
    if not source.exists():
        raise UsageError(f"no such artifact: {source}", hint=HINT)
    archive, folder = source, source.resolve()
    if source.is_dir():
        if (folder / android.MANIFEST).is_file():
            yield read_folder(source, folder)
            return
        if (folder / tar.MANIFEST).is_file():
            yield (_read(source, folder),)
            return
        archive = _published(source)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="artifact-") as name:
        yield _unpacked(archive, source, Path(name))


@contextmanager
def open_artifact(source: Path, scratch: Path) -> Iterator[Artifact]:
    """Yield an artifact of one ABI; raise `UsageError` for one of several, too."""
    with open_artifacts(source, scratch) as artifacts:
        if len(artifacts) > 1:
            abis = ", ".join(it.target.abi for it in artifacts)
            raise UsageError(
                f"{source} holds runtimes for several ABIs: {abis}",
                hint="name an artifact of one ABI",
            )
        yield artifacts[0]


def unpacking(archive: Path, paths: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Return the command that unpacks files of an archive into the folder it runs in."""
    program = ("unzip", "-o") if zipfile.is_zipfile(archive) else ("tar", "xzf")
    return (*program, str(archive), *map(str, paths))


def _published(source: Path) -> Path:
    """Return the archive that a folder publishes, as it is no unpacked one."""
    found = find_aar(source)
    if found is None:
        raise UsageError(f"{source} is no artifact of build-runtime: no {tar.MANIFEST}", hint=HINT)
    return found


def _unpacked(archive: Path, source: Path, root: Path) -> tuple[Artifact, ...]:
    if not zipfile.is_zipfile(archive):
        unpack(archive, root)
        found: tuple[Artifact, ...] = (_read(source, root),)
        return _with_found(found, check_statement(archive), _strangers(found, root, tar.MANIFEST))
    if _holds_app(archive):
        return read_app(archive, root)
    unzip(archive, root)
    if not (root / android.MANIFEST).is_file():
        if any((root / android.vision_library(it)).is_file() for it in Abi):
            raise UsageError(
                f"{archive} holds what makes tensors of images, and no runtime",
                hint="name the AAR of the runtime, such as build-runtime-android24.aar",
            )
        raise UsageError(
            f"{archive} is no artifact of build-runtime: no {android.MANIFEST}", hint=HINT
        )
    found = read_folder(archive, root)
    return _with_found(
        found,
        check_published(archive),
        check_statement(archive),
        _strangers(found, root, android.MANIFEST),
    )


def _with_found(artifacts: tuple[Artifact, ...], *checks: Check | None) -> tuple[Artifact, ...]:
    """Add what was checked of the archive as a whole to the first of what is in it."""
    first, *others = artifacts
    return (replace(first, found=tuple(it for it in checks if it is not None)), *others)


def _strangers(
    artifacts: tuple[Artifact, ...], root: Path, manifest: PurePosixPath
) -> Check | None:
    """Return a verdict against an archive that holds what no manifest lists; None if none does.

    A folder is the user's: there it counts only where programs look for libraries.
    """
    known = {file.path for it in artifacts for file in it.files} | {manifest}
    looked_at = [folder for it in artifacts for folder in it.places.loaded]
    paths = (
        PurePosixPath(it.relative_to(root).as_posix()) for it in root.rglob("*") if it.is_file()
    )
    strange = sorted(
        path for path in paths if path not in known and not any(map(path.is_relative_to, looked_at))
    )
    if not strange:
        return None
    return Check(
        name=FILES,
        outcome=Outcome.FAILED,
        reasons=tuple(f"{path}: is not part of the artifact" for path in strange),
        hint="take the archive as it was built, or build it again",
    )


def _holds_app(archive: Path) -> bool:
    with reading_zip(archive) as opened:
        return is_app(opened)


def _read(source: Path, root: Path) -> Artifact:
    path = root / tar.MANIFEST
    if not path.is_file():
        raise UsageError(f"{source} is no artifact of build-runtime: no {tar.MANIFEST}", hint=HINT)
    return read_artifact(read_manifest(path, source), source, root, tar.places)
