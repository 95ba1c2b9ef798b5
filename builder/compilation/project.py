"""Render the generated CMake projects and sources: templates hold data, this supplies it."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builder.compilation.memory_use import memory_uses
from builder.compilation.templates import render
from builder.compilation.workspace import TREE, Project
from builder.extensions.compiling import exported_blocks
from builder.extensions.reading import NOTHING, Extension, Source
from builder.foundation.resources import CMAKE, NATIVE
from builder.libtorch.candidates import INCLUDES, UPSTREAM, Group
from builder.libtorch.catalogue import Catalogue, OperatorEntry
from builder.libtorch.cuts import WINOGRAD, active_cuts, cut_instructions, cut_operators
from builder.libtorch.kernels import Block, find_kernels, known_classes
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.plan import BuildPlan, GeneratedFile, ObjectsPlan, SourceKind
from builder.vocabulary.targets import abi_facts, platform_facts

_INCLUDED: Final = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)
_NAMED: Final = f"{UPSTREAM}/named_operators.h"
"""What is included before files of the tree that register operators."""


def component_roots(objects: ObjectsPlan) -> dict[str, Path]:
    """Return where each component's files are, our own C++ and the generated tree included."""
    roots = {component.name: component.root for component in objects.source.components}
    return {**roots, "generated": objects.generated.root, "native": NATIVE}


def shown_roots(plan: BuildPlan) -> tuple[tuple[str, str], ...]:
    """Return how commands and link maps name the components, and how reports do."""
    folders = dict.fromkeys(it.name.partition(":")[0] for it in plan.extension)
    names = (*component_roots(plan.objects), *folders)
    return tuple((f"{TREE}/{name}", name) for name in names)


def objects_context(plan: BuildPlan, groups: Iterable[Group]) -> dict[str, object]:
    """Return what templates are told of sources that do not depend on the selection."""
    kernels = kernels_of(plan)
    return {
        "version": plan.tool,
        "fingerprint": plan.objects.fingerprint[:12],
        "dtypes": sorted(plan.profile.dtypes),
        "all_classes": _quantized(plan),
        "groups": [
            {
                "name": group.name,
                "kind": group.kind,
                "language": group.language,
                "definitions": group.definitions,
                "precompiled": group.precompiled,
                "options": group.options,
                "includes": [f"{TREE}/{name}/{path}" for name, path in group.includes],
                "sources": [f"{TREE}/{group.component}/{source}" for source in group.sources],
                "before": [
                    *(
                        (f"{TREE}/pytorch/{source}", _kernels_header(source))
                        for source in group.sources
                        if group.component == "pytorch" and source in kernels
                    ),
                    *(
                        (f"{TREE}/{group.component}/{source}", f"{UPSTREAM}/{header}")
                        for source, header in group.before
                    ),
                ],
            }
            for group in groups
        ],
    }


def kernels_of(plan: BuildPlan) -> Mapping[str, tuple[Block, ...]]:
    """Return the blocks that register kernels of quantized tensors, by the source they are in."""
    root = component_roots(plan.objects)["pytorch"]
    return find_kernels(root) if _quantized(plan) else {}


def _quantized(plan: BuildPlan) -> bool:
    return "QuantizedCPU" in plan.profile.backends


def render_objects(plan: BuildPlan, groups: Iterable[Group]) -> Project:
    """Render the project of one object store: nothing in it depends on the selection."""
    groups = tuple(groups)
    roots = component_roots(plan.objects)
    kernels = kernels_of(plan)
    context = objects_context(plan, groups)
    files = (
        render("objects/CMakeLists.txt.j2", "CMakeLists.txt", context),
        render("objects/selected_mobile_ops.h.j2", "include/ATen/selected_mobile_ops.h", context),
        *(
            render(
                "objects/kernels.h.j2",
                f"include/{_kernels_header(source)}",
                {"source": source, "blocks": blocks},
            )
            for source, blocks in kernels.items()
        ),
        *([_copied("registry/boxed.h", "boxed.h")] if kernels else []),
        *(_copied(it, it) for it in _upstream_headers(groups)),
        _initial_cache(plan, roots),
    )
    return _project(files, roots)


def _upstream_headers(groups: Iterable[Group]) -> Iterator[str]:
    """Yield the headers that are included before files of upstream, with what lies beside them."""
    folder = NATIVE / "src" / UPSTREAM
    waiting = {header for group in groups for _, header in group.before}
    while waiting:
        header = min(waiting)
        yield f"{UPSTREAM}/{header}"
        named = _INCLUDED.findall((folder / header).read_text(encoding="utf-8"))
        waiting = {*waiting, *(it for it in named if (folder / it).is_file())} - {header}


def _copied(header: str, name: str) -> GeneratedFile:
    """Return a copy of a header of ours for upstream's files, which know no folder of ours."""
    text = (NATIVE / "src" / header).read_text(encoding="utf-8")
    return GeneratedFile(PurePosixPath("include") / name, text)


def _project(files: Iterable[GeneratedFile], roots: Mapping[str, Path]) -> Project:
    """Return a project whose trees are all linked, but for ours, which it has itself.

    Objects outlive this installation, and must not name its folder.
    """
    linked = tuple((name, root) for name, root in sorted(roots.items()) if name != "native")
    return Project(tuple(files), linked, (("native", roots["native"]),))


def _kernels_header(source: str) -> str:
    return f"kernels/{source.replace('/', '-')}.h"


def runtime_context(
    plan: BuildPlan, catalogue: Catalogue, manifest: str, extension: Extension
) -> dict[str, object]:
    """Return what templates are told of a runtime: its operators, its manifest, what it cuts."""
    entries = _entries(plan, catalogue)
    cuts = active_cuts(plan.selection, plan.isa, plan.extension)
    return {
        "version": plan.tool,
        "fingerprint": plan.fingerprint[:12],
        "dtypes": sorted(plan.profile.dtypes),
        "operators": [it for it in entries if it.symbol or it.kernel or it.missing],
        "registered": catalogue.parsed(plan.selection.names),
        "source_version": plan.source.version,
        "kernels": [entry.kernel for entry in entries if entry.kernel],
        "requires_grad": OperatorName("aten", "requires_grad_") in plan.selection.names,
        "complex": any(dtype.startswith("Complex") for dtype in plan.profile.dtypes),
        "all_classes": "QuantizedCPU" in plan.profile.backends,
        "classes": [it for it in known_classes() if it.name in plan.selection.classes],
        "memory_uses": memory_uses(entries),
        "upgraders": plan.selection.upgraders,
        "cut_instructions": cut_instructions(cuts),
        "cut_operators": cut_operators(cuts, catalogue.builtin),
        "isa": plan.isa,
        "winograd": all(it.feature != WINOGRAD for it in cuts),
        "weights_may_change": any(it.registrar and "!" in it.schema for it in entries),
        "headers": sorted({entry.header for entry in entries if entry.header}),
        "registrars": _registrars(entries),
        "extension": [
            {"source": f"{TREE}/{it.component}/{it.path}", "header": _extension_header(it)}
            for it in extension.sources
        ],
        "extension_folders": [f"{TREE}/{name}" for name, _ in extension.roots],
        "manifest_bytes": manifest.encode(),
    }


def render_runtime(
    plan: BuildPlan, catalogue: Catalogue, manifest: str, extension: Extension = NOTHING
) -> Project:
    """Render the project of one runtime: its registrations, its manifest, and the link.

    The sources of an extension are part of it, compiled as far as a build demands them.
    """
    roots = {**component_roots(plan.objects), **dict(extension.roots)}
    entries = _entries(plan, catalogue)
    context = runtime_context(plan, catalogue, manifest, extension)
    files = (
        render("runtime/CMakeLists.txt.j2", "CMakeLists.txt", context),
        render("runtime/registration.cpp.j2", "registration.cpp", context),
        render("runtime/manifest.cpp.j2", "manifest.cpp", context),
        render("objects/selected_mobile_ops.h.j2", "include/ATen/selected_mobile_ops.h", context),
        *(
            render(
                "objects/selected_mobile_ops.h.j2",
                f"registrars/{registrar['directory']}/ATen/selected_mobile_ops.h",
                {**context, "allowed": registrar["operators"]},
            )
            for registrar in _registrars(entries)
        ),
        *([_copied(_NAMED, _NAMED)] if _registrars(entries) else []),
        *_extension_headers(extension),
        _initial_cache(plan, roots),
    )
    generated = ("project/registration.cpp", "project/manifest.cpp")
    sources = (*generated, *(str(registrar["source"]) for registrar in _registrars(entries)))
    demanded = tuple(it.id for it in extension.sources)
    return replace(_project(files, roots), roots=sources, demanded=demanded)


def _extension_headers(extension: Extension) -> Iterator[GeneratedFile]:
    """Yield the headers before the user's sources, and what these include."""
    for source in extension.sources:
        context = {"source": source.path, "blocks": exported_blocks(source, extension)}
        name = f"include/{_extension_header(source)}"
        yield render("runtime/extension.h.j2", name, context)
    if extension.sources:
        for header in ("boxed.h", "function_types.h"):
            yield _copied(f"registry/{header}", header)


def _extension_header(source: Source) -> str:
    return f"{source.component}/{source.path.replace('/', '-')}.h"


def render_cuts(version: str, features: Mapping[str, str]) -> str:
    """Render the file that defines symbols that are cut; `features` maps symbol to feature."""
    grouped: dict[str, list[str]] = {}
    for symbol, feature in sorted(features.items()):
        grouped.setdefault(feature, []).append(symbol)
    context = {"version": version, "features": dict(sorted(grouped.items()))}
    return render("runtime/cuts.cpp.j2", "cuts.cpp", context).text


def _entries(plan: BuildPlan, catalogue: Catalogue) -> list[OperatorEntry]:
    return [catalogue.entries[name] for name in sorted(plan.selection.names)]


def _registrars(entries: Iterable[OperatorEntry]) -> list[dict[str, Any]]:
    """Group the operators that files of the tree register themselves by those files."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.registrar:
            found.setdefault(entry.registrar, []).append(str(entry.name))
    return [
        {
            "directory": PurePosixPath(registrar).stem,
            "source": f"{TREE}/pytorch/{registrar}",
            "operators": names,
        }
        for registrar, names in sorted(found.items())
    ]


def _initial_cache(plan: BuildPlan, names: Iterable[str]) -> GeneratedFile:
    toolchain = plan.toolchain
    variables: dict[str, object] = {
        "BUILD_RUNTIME_CMAKE": CMAKE,
        # a change of the logic must configure again, like a change of the data
        "BUILD_RUNTIME_LOGIC": _logic_digest(),
        "BUILD_RUNTIME_CC": toolchain.cc,
        "BUILD_RUNTIME_CXX": toolchain.cxx,
        "BUILD_RUNTIME_AR": toolchain.ar,
        "BUILD_RUNTIME_CLANG": toolchain.clang,
        "BUILD_RUNTIME_LINKER": toolchain.linker,
        "BUILD_RUNTIME_SYSTEM": platform_facts(plan.target.platform).cmake_system,
        "BUILD_RUNTIME_PROCESSOR": abi_facts(plan.target.abi).processor,
        "BUILD_RUNTIME_INCLUDES": [f"{TREE}/{name}/{path}" for name, path in INCLUDES],
        "BUILD_RUNTIME_PREFIX_MAP": _prefix_map(names),
        "BUILD_RUNTIME_DEFINITIONS": plan.objects.flags.definitions,
        "BUILD_RUNTIME_LINK_FLAGS": plan.link,
        **dict(toolchain.variables),
    }
    if plan.extension_flags:
        variables["BUILD_RUNTIME_FLAGS_extension"] = ()
        variables["BUILD_RUNTIME_CXX_FLAGS_extension"] = (
            *plan.extension_flags,
            *_kernel_flags(plan),
        )
    for known in plan.objects.flags.kinds:
        more = [it for it in toolchain.flags if it.kind is known.kind]
        variables[f"BUILD_RUNTIME_FLAGS_{known.kind}"] = [
            *known.options,
            *(flag for it in more for flag in it.options),
        ]
        variables[f"BUILD_RUNTIME_CXX_FLAGS_{known.kind}"] = [
            *known.cxx,
            *(flag for it in more for flag in it.cxx),
        ]
    context = {"version": plan.tool, "variables": variables}
    return render("initial-cache.cmake.j2", "initial-cache.cmake", context)


def _kernel_flags(plan: BuildPlan) -> Iterator[str]:
    """Yield what the toolchain adds for kernels, of which those of the user are some."""
    for it in plan.toolchain.flags:
        if it.kind is SourceKind.KERNEL:
            yield from (*it.options, *it.cxx)


def _prefix_map(names: Iterable[str]) -> list[str]:
    """Return what the compiler writes instead of the paths it is given; the last match wins.

    Every failed check of LibTorch carries the path of its file: short ones save 60 KB of strings.
    """
    named = [f"{TREE}/{name}={name}" for name in sorted(names)]
    return [*named, f"{TREE}/pytorch/=", f"{TREE}/pytorch/aten/src/="]


def _logic_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(CMAKE.rglob("*.cmake")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
