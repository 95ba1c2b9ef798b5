"""`verify --rebuild`: build an artifact again, elsewhere, and compare its bytes.

What was run to prove it is not compared: that depends on the machine. The models are converted
again, everything is compiled again, in a cache of its own. Only the sources are taken from the
user's: they are pinned.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builder import RELEASE
from builder.artifact.reading import Artifact
from builder.foundation.cache import lease, note_use
from builder.foundation.files import replace_link, sha256_file
from builder.foundation.process import NO_LAUNCHER, Host
from builder.foundation.settings import BuildSettings
from builder.models.selection import make_profile
from builder.pipeline.request import Built, Events, Request
from builder.source.request import SourceRequest
from builder.vocabulary.checks import REBUILD, Check, Outcome
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import InputSpec
from builder.vocabulary.operators import Selection

_OUTPUT: Final = "rebuilt"
_CACHE: Final = "cache"
"""Folders that it is built in; the first is not where builds write by default."""

_OF_THE_PROOF: Final = frozenset({"checks", "instruction_sets", "tolerances", "files"})
"""Keys of a manifest: what was run differs between machines, and files are compared themselves."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What an artifact is built of again. `folder` is where, None for one that is removed.

    It gets two folders, `cache` and `rebuilt`.

    `settings` are the user's: an artifact tells its own, but neither which NDK nor where operators
    of the user's own are.
    """

    folder: Path | None
    settings: BuildSettings
    source: SourceRequest
    lists: tuple[Path, ...] = ()


def rebuild(  # noqa: PLR0917  what, of what, and where
    artifacts: Sequence[Artifact],
    models: tuple[Path, ...],
    inputs: tuple[InputSpec, ...],
    wish: Rebuild,
    host: Host,
    events: Events,
) -> Check:
    """Return whether a build of the same models with the same settings gives the same bytes.

    Raise `UsageError` where it cannot be the same, before anything is built.
    """
    refuse_other_models(artifacts[0], models, wish.lists)
    refuse_overlap(artifacts, wish.folder, host)
    started = time.monotonic()
    with ExitStack() as stack:
        folder = wish.folder
        if folder is None:
            made = tempfile.TemporaryDirectory(prefix="build-runtime-rebuild-")
            folder = Path(stack.enter_context(made))
        request = request_again(artifacts[0], models, inputs, wish, folder / _OUTPUT)
        stack.enter_context(lease(host.cache))
        events.step("building it again")
        # what only builds need takes half a second to load
        from builder.pipeline.run import run  # noqa: PLC0415

        (built,) = run(request, _elsewhere(host, folder / _CACHE), events)
        wrong = tuple(_differences(artifacts, built))
    return Check(
        name=REBUILD,
        outcome=Outcome.FAILED if wrong else Outcome.PASSED,
        reasons=wrong,
        hint="build with the same release, compiler and inputs; the manifest tells them"
        if wrong
        else "",
        seconds=time.monotonic() - started,
    )


def refuse_other_models(artifact: Artifact, models: Sequence[Path], lists: Sequence[Path]) -> None:
    """Raise `UsageError` unless an artifact was made of exactly these models."""
    if artifact.is_app:
        raise UsageError(
            f"{artifact.source} is an app, which is not built again",
            hint="name the AAR that the app has",
        )
    made_of = dict(artifact.sources)
    given = {it.stem: it for it in models}
    wrong = [
        f"{given[name]} is not the file that {name} was made of"
        for name in sorted(made_of.keys() & given.keys())
        if made_of[name] != sha256_file(given[name])
    ]
    wrong += [f"{name} is not given" for name in sorted(made_of.keys() - given.keys())]
    wrong += [f"{name} is not in it" for name in sorted(given.keys() - made_of.keys())]
    unlisted = sorted(artifact.wanted_by - made_of.keys())
    if unlisted and not lists:
        wrong.append(f"no list is given with the operators of {', '.join(unlisted)}")
    if wrong:
        raise UsageError(
            f"--rebuild needs the models that {artifact.source} was made of: {'; '.join(wrong)}",
            hint="name the files that were given to the build",
        )


def refuse_overlap(artifacts: Sequence[Artifact], folder: Path | None, host: Host) -> None:
    """Raise `UsageError` where building in `folder` would write to the artifact or the cache."""
    if folder is None:
        return
    kept = [(it.source, "the artifact") for it in artifacts]
    kept += [(it.root, "the artifact") for it in artifacts]
    kept.append((host.cache, "your cache"))
    for made in (folder / _OUTPUT, folder / _CACHE):
        for place, what in kept:
            if _overlap(made.resolve(), place.resolve()):
                raise UsageError(
                    f"--rebuild {folder} would write to {made}, and {what} is {place}",
                    hint="name another folder: --rebuild DIR",
                )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def request_again(
    artifact: Artifact,
    models: tuple[Path, ...],
    inputs: tuple[InputSpec, ...],
    wish: Rebuild,
    output: Path,
) -> Request:
    """Return the request that an artifact answered, as its manifest tells it."""
    usual = make_profile(Selection(dtypes=artifact.stored_dtypes), None).dtypes
    settings = replace(
        wish.settings,
        abis=artifact.abis,
        platform=str(artifact.target.platform),
        android_api=artifact.target.api_level or wish.settings.android_api,
        output=output,
        dtypes=None if artifact.kernel_dtypes == usual else artifact.kernel_dtypes,
        messages=artifact.messages,
        kernels=artifact.kernels,
        isa=artifact.isa,
        rewrite=artifact.rewrite,
        java=artifact.java,
        pack=None,  # all is compiled
    )
    if artifact.coordinates is not None:
        its = artifact.coordinates
        settings = replace(
            settings, maven_group=its.group, maven_artifact=its.artifact, maven_version=its.version
        )
    return Request(
        **{it.name: getattr(settings, it.name) for it in fields(BuildSettings)},
        models=models,
        lists=wish.lists,
        source=wish.source,
        inputs=inputs,
        verify=False,
        require_run=False,
        bundle_models=artifact.coordinates is not None and bool(artifact.models),
    )


def _elsewhere(host: Host, cache: Path) -> Host:
    """Return the machine with another cache, which has the sources of the user's.

    The build notes what it uses in its own: all that it may take is noted in the user's before.
    """
    cache.mkdir(parents=True, exist_ok=True)
    theirs, link = host.cache / "sources", cache / "sources"
    theirs.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() or not link.exists():
        replace_link(link, theirs.resolve())
    for tree in sorted(theirs.glob(f"{RELEASE}-*")):
        note_use(host.cache, tree)
    return replace(host, cache=cache, launcher=NO_LAUNCHER)


def _differences(artifacts: Sequence[Artifact], built: Built) -> Iterator[str]:
    """Yield how what was built again differs, one sentence for each file."""
    root = artifacts[0].root
    before = {file.path: file.sha256 for it in artifacts for file in it.files}
    again = {
        PurePosixPath(it.relative_to(built.prefix).as_posix()): it
        for it in sorted(built.prefix.rglob("*"))
        if it.is_file()
    }
    for path in sorted(before.keys() - again.keys()):
        yield f"{path}: is not built any more"
    for path, place in again.items():
        if path in before:
            if sha256_file(place) != before[path]:
                yield f"{path}: has other bytes when it is built again"
        elif path.name != "manifest.json":
            yield f"{path}: was not built before"
        elif _told(place) != _told(root / path):
            yield f"{path}: tells otherwise when it is built again"


def _told(manifest: Path) -> object:
    """Return what a manifest tells, but for what was run to prove it."""
    return _unproven(json.loads(manifest.read_text(encoding="utf-8")))


def _unproven(document: Any) -> object:  # noqa: ANN401  JSON
    match document:
        case dict():
            return {
                key: _unproven(value) for key, value in document.items() if key not in _OF_THE_PROOF
            }
        case list():
            return [_unproven(it) for it in document]
        case _:
            return document
