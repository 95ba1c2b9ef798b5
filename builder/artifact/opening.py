"""An artifact of an earlier build, of any kind: opened without trusting it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.artifact.reading import HINT, Artifact, read_artifact, read_document
from builder.artifact.tar import layout
from builder.artifact.tar.unpacking import unpack
from builder.vocabulary.errors import UsageError


@contextmanager
def open_artifacts(source: Path, scratch: Path) -> Iterator[tuple[Artifact, ...]]:
    """Yield an artifact, one value for each of its ABIs.

    An archive is unpacked below `scratch` until the block ends. Raises `UsageError` for what is no
    artifact, or has content no build writes.
    """
    if not source.exists():
        raise UsageError(f"no such artifact: {source}", hint=HINT)
    if source.is_dir():
        yield (_read(source, source.resolve()),)
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="artifact-") as name:
        unpack(source, Path(name))
        yield (_read(source, Path(name)),)


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


def _read(source: Path, root: Path) -> Artifact:
    path = root / layout.MANIFEST
    if not path.is_file():
        raise UsageError(
            f"{source} is no artifact of build-runtime: no {layout.MANIFEST}", hint=HINT
        )
    return read_artifact(read_document(path.read_bytes(), source), source, root, layout.PLACES)
