"""Answer an equal request at once: what it wrote is remembered with its hashes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.foundation.cache import note_use
from builder.foundation.files import sha256_file, write_atomic
from builder.foundation.process import Host
from builder.foundation.resources import CMAKE, JAVA, NATIVE, PACKAGE, TEMPLATES
from builder.pipeline.request import Built, Made, Request
from builder.pipeline.wanted import Wanted
from builder.proof.emulators import can_fetch
from builder.proof.execution import find_executor, reach
from builder.proof.executor import Executor
from builder.toolchains.java.jdk import find_jdk
from builder.toolchains.table import provider_for
from builder.vocabulary.checks import Check, was_not_run
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.plan import ExtensionFile, Java, Program, SourceTree
from builder.vocabulary.targets import Target, twin_of


@dataclass(frozen=True, slots=True)
class _Compiler:
    """What compiles for one target. `identity` tells it from others of its version."""

    program: Program
    identity: str


@dataclass(frozen=True, slots=True)
class _Question:
    """Everything that decides a result. Equal questions have equal answers.

    `own` are the hashes of our own files, `converted` those of the models that ship, `extension`
    are the files of the user's operators. `twin` compiles what is run in place of the target's. How
    programs `run` here, and those of a twin, is part of it: an emulator that comes later makes a
    skipped run possible. `runner` has the words of the user's own, each with the hash of the file
    it names. `jdk` is the release of the JDK that compiles classes.
    """

    own: tuple[str, ...]
    compiler: _Compiler
    target: Target
    source: SourceTree
    request: Request
    converted: tuple[str, ...]
    run: tuple[str, ...]
    twin: _Compiler | None = None
    jdk: int | None = None
    runner: tuple[tuple[str, str], ...] = ()
    extension: tuple[ExtensionFile, ...] = ()


def request_name(
    request: Request, wanted: Wanted, source: SourceTree, target: Target, host: Host
) -> str:
    """Name everything that decides a result, so that an equal request can be answered at once.

    A device is asked which one it is: raise `ToolchainError` where that cannot be reached.
    """
    executor = find_executor(target, host, request.runner)
    if request.verify:
        executor = reach(executor, target, host)
    twin = twin_of(target) if request.prove_twin else None
    ways = (executor, find_executor(twin, host)) if twin else (executor,)
    question = _Question(
        own=own_digests(),
        compiler=_compiler(target, request, host),
        target=target,
        source=source,
        request=request,
        converted=tuple(model.sha256 for model in wanted.models),
        run=tuple(it if isinstance(it, str) else it.how for it in ways),
        twin=_compiler(twin, request, host) if twin else None,
        jdk=_jdk(request, target, host),
        runner=_words(executor) if request.runner else (),
        extension=wanted.extension.files,
    )
    return fingerprint(question, content=sha256_file)


def _compiler(target: Target, request: Request, host: Host) -> _Compiler:
    provider = provider_for(target.platform, request)
    return _Compiler(provider.find(host), provider.identity(target, host))


def _jdk(request: Request, target: Target, host: Host) -> int | None:
    """Return the release of the JDK that compiles classes for a target; None if none does."""
    wanted = request.java.resolved(target.platform)
    return find_jdk(host).release if wanted is Java.ON else None


def own_digests() -> tuple[str, ...]:
    """Return the hashes of all our own files: other ones may give other results."""
    return tuple(
        sha256_file(path)
        for folder in (CMAKE, JAVA, NATIVE, PACKAGE, TEMPLATES)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    )


def _words(executor: Executor | str) -> tuple[tuple[str, str], ...]:
    """Return the words of a runner's command, each with the hash of the file it names."""
    return () if isinstance(executor, str) else tuple((it, _digest(it)) for it in executor.prefix)


def _digest(word: str) -> str:
    path = Path("/", word)  # where runners are started
    try:
        return sha256_file(path) if path.is_file() else ""
    except OSError:  # may be run and not read, or is too long for a path
        return ""


def recall(names: Sequence[str], targets: Sequence[Target], host: Host) -> Built | None:
    """Return what an equal request wrote, if every file of it is still what it was.

    `names` are those of the requests for each target that are packed together.
    """
    path = _path(names, host)
    note_use(host.cache, path)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        files = {Path(it): str(digest) for it, digest in known["files"].items()}
        made = [(dict(it["summary"]), str(it["text"])) for it in known["targets"]]
        archive, prefix, beside = known["archive"], known["prefix"], known["beside"]
        package, text = known["package"], str(known["text"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # absent or damaged
        return None
    if any(not it.is_file() or sha256_file(it) != digest for it, digest in files.items()):
        return None
    again = (
        Made(target, _reused(summary), its_text)
        for target, (summary, its_text) in zip(targets, made, strict=True)
    )
    return Built(
        targets=tuple(again), archive=Path(archive), prefix=Path(prefix),
        beside=tuple(map(Path, beside)), package=package, text=text, reused=True,
    )  # fmt: skip


def _reused(summary: dict[str, Any]) -> dict[str, Any]:
    linked = summary["objects"]["linked"]
    objects = {"linked": linked, "compiled": 0, "reused": linked, "packed": 0}
    return {**summary, "objects": objects, "launcher": None}


def _path(names: Sequence[str], host: Host) -> Path:
    name = names[0] if len(names) == 1 else fingerprint(tuple(names))
    return host.cache / "results" / f"{name}.json"


def is_final(checks: Iterable[Check], request: Request, target: Target, host: Host) -> bool:
    """Whether an equal request cannot do better: not so where an emulator may yet be fetched."""
    may_fetch = request.verify and not request.source.offline
    twin = twin_of(target) if request.prove_twin else None
    # a check that nothing was run names no runner, or the twin
    unrun = {twin if it.runner and twin else target for it in checks if was_not_run((it,))}
    return not (may_fetch and any(can_fetch(it, host) for it in unrun))


def remember(names: Sequence[str], built: Built, host: Host) -> None:
    """Keep a result with the hashes of every file it wrote."""
    unpacked = (path for path in built.prefix.rglob("*") if path.is_file())
    files = [built.archive, *unpacked, *built.beside]
    document = {
        "files": {str(path.resolve()): sha256_file(path) for path in sorted(files)},
        "archive": str(built.archive),
        "prefix": str(built.prefix),
        "beside": [str(path) for path in built.beside],
        "targets": [{"summary": it.summary, "text": it.text} for it in built.targets],
        "package": built.package,
        "text": built.text,
    }
    write_atomic(_path(names, host), json.dumps(document, indent=1))
