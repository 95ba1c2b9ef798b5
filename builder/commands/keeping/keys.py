"""`cache key`: what a CI cache is keyed and restored by.

Note [Keys]: caches of CI services never change under a key, and are restored by the longest prefix
of one. So a key says, from the left: on which system and for which targets it is, what decides the
objects (this tool, sources, compiler, settings), which operators the models call. New weights give
the same key: the library is there, and only the models ship anew. Other operators restore by the
objects, and compile what is new. Another compiler restores by the targets: what still fits is used,
since the cache names everything by its content.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from builder.commands.exchange import Answer
from builder.extensions.reading import read_extension
from builder.foundation.files import sha256_file
from builder.foundation.machine import operating_system
from builder.foundation.process import Host
from builder.models.conversion.exported import read_exported
from builder.models.selection import select
from builder.pipeline.choosing import find_targets
from builder.pipeline.request import Events, Request
from builder.pipeline.results import own_digests
from builder.pipeline.wanted import read_apart, read_lists
from builder.source.opening import open_source
from builder.source.pins import Release, pins
from builder.toolchains.table import provider_for
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.models import Rewrite
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import (
    ExtensionFile,
    Goal,
    Isa,
    Java,
    Kernels,
    Messages,
    Program,
    SourceTree,
)
from builder.vocabulary.targets import Target

_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class _Shared:
    """What decides objects, and all else that builds of other models take from the cache."""

    own: tuple[str, ...]
    source: Release | SourceTree
    compilers: tuple[tuple[Target, Program, str], ...]
    dtypes: frozenset[str] | None
    messages: Messages
    kernels: Kernels
    goal: Goal
    isa: Isa
    rewrite: Rewrite
    java: Java


@dataclass(frozen=True, slots=True)
class _Called:
    """What the models of a request call, whatever their weights are."""

    models: Selection
    lists: tuple[str, ...]
    extension: tuple[ExtensionFile, ...]


@dataclass(frozen=True, slots=True)
class CacheKey:
    """A key, and the beginnings of keys whose caches serve too, the best first."""

    key: str
    restore: tuple[str, ...]


def cache_key(request: Request, host: Host, events: Events) -> Answer:
    """Return the key of a request. Nothing is built; a source of the user's own is read."""
    targets = find_targets(request, host, events)
    found = _key(targets, _shared(request, targets, host, events), _called(request, host))
    document = {
        "key": found.key,
        "restore_keys": list(found.restore),
        "cache": str(host.cache),
    }
    return Answer(document, "\n".join((found.key, *found.restore)))


def _key(targets: tuple[Target, ...], shared: _Shared, called: _Called) -> CacheKey:
    beginning = f"build-runtime-on-{operating_system()}-for-{'+'.join(map(str, targets))}-"
    objects = f"{beginning}{fingerprint(shared)[:_DIGITS]}-"
    return CacheKey(objects + fingerprint(called)[:_DIGITS], (objects, beginning))


def _shared(request: Request, targets: tuple[Target, ...], host: Host, events: Events) -> _Shared:
    providers = [(it, provider_for(it.platform, request)) for it in targets]
    pinned = request.source.pinned
    return _Shared(
        own=own_digests(),
        source=pins(request.source.version)
        if pinned
        else open_source(request.source, host, events),
        compilers=tuple((it, by.find(host), by.identity(it, host)) for it, by in providers),
        dtypes=request.dtypes,
        messages=request.messages,
        kernels=request.kernels,
        goal=request.optimize,
        isa=request.isa,
        rewrite=request.conversion,
        java=request.java,
    )


def _called(request: Request, host: Host) -> _Called:
    extension = read_extension(request.ops_source, request.ops_library)
    models = read_apart(request.models, host, partial(read_exported, extension=extension))
    read_lists(request.lists, request.extra)  # what is no list is refused now
    return _Called(
        models=select(models),
        lists=tuple(map(_digest, (*request.lists, *request.extra))),
        extension=extension.files,
    )


def _digest(path: Path) -> str:
    return f"{path.name} {sha256_file(path)}"
