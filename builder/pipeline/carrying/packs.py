"""Packs of what builds compile: written after builds, and read before them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from builder import VERSION
from builder.compilation.output import telling
from builder.compilation.shared.packs.index import (
    Index,
    PackedObject,
    PackedStore,
    differences,
)
from builder.compilation.shared.packs.reading import import_pack
from builder.compilation.shared.packs.writing import write_pack
from builder.compilation.store import OpenStore, Store
from builder.extensions.reading import read_extension
from builder.foundation.cache import lease
from builder.foundation.files import check_file_writable, sha256_file
from builder.foundation.process import Host
from builder.pipeline.building import compile_plan
from builder.pipeline.choosing import find_targets, refuse_without_tools
from builder.pipeline.planning import Planned, make_plan
from builder.pipeline.request import Events, Request
from builder.pipeline.wanted import read_wanted, refuse_early
from builder.source.opening import open_source
from builder.vocabulary.errors import UsageError


@dataclass(frozen=True, slots=True)
class Export:
    """What goes into a pack: what builds of a request take, or everything in their stores."""

    request: Request
    path: Path
    everything: bool


def export_pack(export: Export, host: Host, events: Events) -> Index:
    """Write a pack for all targets of a request; what is missing is compiled before."""
    check_file_writable(export.path, option="-o")
    refuse_without_tools(export.request, host)
    with lease(host.cache):
        stores: dict[str, PackedStore] = {}
        folders: dict[str, Path] = {}
        plans = _plans(export.request, host, events)
        if export.request.pack is not None:
            use_pack(export.request.pack, plans, host, events)
        for planned in plans:
            output = compile_plan(planned, host, events)
            wanted = None if export.everything else output.sources
            doing = f"packing the objects for {planned.plan.target}"
            events.step(doing)
            with planned.store.opened(host, doing, telling(events)) as opened:
                stores |= {it.name: it for it in _pack_stores(opened, wanted, host)}
                folders |= {it.workspace.root.name: it.workspace.build for it in opened.stores}
        index = Index(VERSION, tuple(stores[name] for name in sorted(stores)))
        events.step(f"writing {export.path}")
        write_pack(export.path, index, folders)
    return index


def _plans(request: Request, host: Host, events: Events) -> tuple[Planned, ...]:
    extension = read_extension(request.ops_source, request.ops_library)
    events.step("reading models")
    wanted = read_wanted(
        request.models, request.lists, request.extra, host, request.conversion, extension
    )
    refuse_early(wanted, request.source, request.kernels)
    targets = find_targets(request, host, events)
    source = open_source(request.source, host, events)
    return tuple(make_plan(wanted, source, it, request, host, events) for it in targets)


def _pack_stores(
    opened: OpenStore, sources: Iterable[str] | None, host: Host
) -> tuple[PackedStore, ...]:
    """Return what a pack tells of the objects of `sources`, or of all there are.

    The stores are locked and configured. An object that is not up to date is left out.
    """
    wanted = None if sources is None else frozenset(sources)
    found = (
        _pack_store(store, _outputs(opened, number, wanted), host)
        for number, store in enumerate(opened.stores)
    )
    return tuple(sorted((it for it in found if it.objects), key=lambda it: it.name))


def _outputs(opened: OpenStore, number: int, wanted: frozenset[str] | None) -> frozenset[str]:
    outputs = opened.outputs[number]
    if wanted is None:
        return frozenset(outputs.values())
    return frozenset(outputs[it] for it in wanted if opened.homes.get(it) == number)


def _pack_store(store: Store, outputs: frozenset[str], host: Host) -> PackedStore:
    workspace = store.workspace
    digest = cache(lambda name: sha256_file(workspace.build / name))
    inputs = workspace.up_to_date(host)
    objects = (
        PackedObject(
            output=output,
            sha256=digest(output),
            bytes=(workspace.build / output).stat().st_size,
            command=command,
            inputs={name: digest(name) for name in inputs[output]},
        )
        for command, output in workspace.commands()
        if output in outputs and output in inputs
    )
    return PackedStore(
        workspace.root.name, store.made, tuple(sorted(objects, key=lambda it: it.output))
    )


def use_pack(path: Path, plans: Iterable[Planned], host: Host, events: Events) -> None:
    """Have the objects of a pack at hand for builds.

    Raise `UsageError` for a pack that has nothing for one of them, with what differs.
    """
    events.step(f"checking {path}")
    index = import_pack(path, host.cache, None)
    refused = []
    for planned in plans:
        stores = {it.workspace.root.name: it.made for it in planned.store.stores}
        if found := differences(index, stores):
            told = "\n    ".join(found)
            refused.append(f"{path} has no objects for {planned.plan.target}\n    {told}")
    if refused:
        raise UsageError(
            "\n".join(refused),
            hint="make a pack with the same tool, source and settings, or leave --pack out",
        )
