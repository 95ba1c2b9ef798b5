"""Which objects a plan shares with other plans: the stores it takes them from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.compilation.dependence import Candidates, Dependents, find_dependents
from builder.compilation.project import component_roots, render_objects
from builder.compilation.shared.packs.index import made_of
from builder.compilation.shared.packs.offers import folder_of
from builder.compilation.store import ObjectStore, Store
from builder.compilation.workspace import Workspace
from builder.foundation.cache import note_use
from builder.foundation.files import sha256_file, write_atomic
from builder.foundation.process import Host
from builder.foundation.resources import NATIVE
from builder.libtorch.candidates import find_candidates
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.plan import BuildPlan, ObjectsPlan

_REVISION: Final = 1  # of how dependents are found


def candidates_of(objects: ObjectsPlan) -> Candidates:
    """Return all sources that a runtime of these objects may be made of."""
    roots = component_roots(objects)
    target = objects.toolchain.target
    return Candidates(find_candidates(roots, target, objects.profile.backends), roots)


def find_store(plan: BuildPlan, base: ObjectsPlan, own: Candidates, host: Host) -> ObjectStore:
    """Return the stores of a plan whose candidates are `own`; nothing is configured.

    `base` is the plan of objects that others share, or else the plan's own. See Note [Stores] in
    `builder.compilation.store`.
    """
    theirs = own if base == plan.objects else candidates_of(base)
    dependents = _known_dependents(plan.objects, base, own, theirs, host)
    shared = [(base, theirs)] if base != plan.objects else []
    stores = (
        *(_store(plan, it.for_any_dtypes(), known, host) for it, known in shared),
        _store(plan, plan.objects.for_any_dtypes(), own, host),
        _store(plan, plan.objects, own, host),
    )
    return ObjectStore(stores, _homes(own, dependents, len(stores)))


def _homes(own: Candidates, dependents: Dependents, stores: int) -> dict[str, int]:
    """Return the number of the first store whose object of a source is right."""

    def home(source: str) -> int:
        if source in dependents.dtypes:
            return stores - 1
        return stores - 2 if source in dependents.backends else 0

    return {name: home(name) for group in own.groups for name in group.ids}


def _store(plan: BuildPlan, objects: ObjectsPlan, candidates: Candidates, host: Host) -> Store:
    root, packs = host.cache / "objects" / objects.store, folder_of(host.cache, objects.store)
    note_use(host.cache, root)
    note_use(host.cache, packs)
    project = render_objects(replace(plan, objects=objects), candidates.groups)
    workspace = Workspace(root, plan.toolchain, packs=packs)
    return Store(workspace, project, candidates.groups, made_of(objects))


def _known_dependents(
    objects: ObjectsPlan, base: ObjectsPlan, own: Candidates, theirs: Candidates, host: Host
) -> Dependents:
    """Return the dependent sources; reading all sources takes seconds, so that is done once."""
    read = (objects.source, objects.generated, base.generated, own.groups, theirs.groups)
    name = fingerprint((_REVISION, *read, tuple(_digests(NATIVE))))
    path = host.cache / "indexes" / f"dependents-{name[:16]}.json"
    note_use(host.cache, path)
    if (known := _read(path)) is not None:
        return known
    found = find_dependents(own, theirs)
    document = {"dtypes": sorted(found.dtypes), "backends": sorted(found.backends)}
    write_atomic(path, json.dumps(document, indent=0))
    return found


def _digests(folder: Path) -> Iterable[str]:
    return (sha256_file(it) for it in sorted(folder.rglob("*")) if it.is_file())


def _read(path: Path) -> Dependents | None:
    """Read what was found before; what is absent or damaged says nothing."""
    try:
        document: Mapping[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        return Dependents(frozenset(document["dtypes"]), frozenset(document["backends"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None
