"""Make a size graph that ships, from the objects of a store and a runtime that was linked of some.

    build-runtime plus.pt --abi x86_64 -o dist         # a model with one operator, or a list
    python -m benchmarks.learn_sizes dist/build-runtime-linux-x86_64.tar.gz
    python -m benchmarks.learn_sizes dist/… --profile quantized/build-runtime-linux-x86_64.tar.gz

Predictions of sizes count from that runtime. The objects are those the cache has, of all builds for
its ABI: build everything first (`python -m tests.coverage --suite everything`), for what is not
there is guessed. Operators that upstream registers are read from the builds in the cache, too.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from platformdirs import user_cache_path

from builder.artifact.opening import open_artifact
from builder.artifact.reading import Artifact
from builder.commands.inspecting.prediction import (
    asked_of,
    cutter,
    question_of,
    sizes_path,
)
from builder.commands.inspecting.unlikeness import measured_as
from builder.compilation.output import telling
from builder.foundation.console import Console, make_console
from builder.foundation.files import write_atomic
from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, SubprocessRunner
from builder.foundation.settings import BuildSettings
from builder.libtorch.closure.replacements import find_replacement
from builder.libtorch.closure.sizing.condensing import condense
from builder.libtorch.closure.sizing.graph import SizeGraph
from builder.libtorch.closure.sizing.naming import UPGRADERS, class_of_symbol, mangled, names_of
from builder.libtorch.closure.sizing.sections import (
    INSTEAD,
    Claim,
    Node,
    Registrar,
    Sections,
    connect,
)
from builder.libtorch.closure.sizing.table import Base, SizeTable, read_sizes
from builder.libtorch.closure.sizing.weights import WeighedObject, Weight, total, weigh
from builder.libtorch.cuts import all_cuts, all_stand_ins, feature_of
from builder.pipeline.planning import Planned, always_linked, make_plan
from builder.pipeline.wanted import read_wanted
from builder.report.attribution.inputs import LinkedObject
from builder.report.attribution.owners import REGISTERED, registrations
from builder.source.opening import open_source
from builder.source.request import SourceRequest

CUTS = all_cuts()
REPLACEMENT = find_replacement(None, stand_ins=all_stand_ins())
PROMISED = 0.15
"""How far a prediction may be off, as a part of what lies above the base: what judging lowers."""


def make_host() -> Host:
    """Return this machine, with the cache that the environment names."""
    named = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    cache_dir = Path(named) if named else user_cache_path("build-runtime")
    environment = MappingProxyType(dict(os.environ))
    return Host(environment, SubprocessRunner(), cache_dir, usable_cores())


def plan_again(artifact: Artifact, host: Host, console: Console) -> Planned:
    """Plan what an artifact was built for once more, from the list in it."""
    assert artifact.places.selection is not None
    settings = replace(
        BuildSettings(), isa=artifact.isa, kernels=artifact.kernels, messages=artifact.messages,
        dtypes=artifact.kernel_dtypes,
    )  # fmt: skip
    source = open_source(SourceRequest(directory=None), host, console)
    lists = (artifact.root / artifact.places.selection,)
    wanted = read_wanted((), lists, (), host, settings.conversion)
    return make_plan(wanted, source, artifact.target, settings, host, console)


def read_objects(
    planned: Planned, also: Sequence[Path], host: Host, console: Console
) -> dict[str, WeighedObject]:
    """Weigh all objects that the stores of a plan have, and what only other stores have."""
    with planned.store.opened(host, "learning sizes", telling(console)) as store:
        places = {name: store.object_of(name) for name in sorted(planned.store.compiled())}
        wanted = store.homes.keys()
        for folder in also:
            outputs = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))
            found = {name: folder / "build" / it for name, it in outputs.items() if name in wanted}
            places = {**{name: it for name, it in found.items() if it.is_file()}, **places}
        return {name: weigh(path, path.read_bytes()) for name, path in places.items()}


def read_registrars(planned: Planned, host: Host) -> tuple[Registrar, ...]:
    """Return the objects that builds in the cache made of upstream's registrars, largest first."""
    entries = planned.catalogue.entries.values()
    known = frozenset(str(it.name) for it in entries if it.registrar)
    found = [
        Registrar(path.name, item, tuple(_claims(path, item, known)))
        for path in sorted(
            host.cache.glob(f"builds/{planned.plan.target}-*/build/CMakeFiles/registrar_*/**/*.o")
        )
        for item in (weigh(path, path.read_bytes()),)
    ]
    return tuple(sorted(found, key=lambda it: -len(it.claims)))


def _claims(path: Path, item: WeighedObject, known: frozenset[str]) -> Iterator[Claim]:
    linked = LinkedObject(str(path), item.graph, item.details, own=True)
    for section, references in item.details.references(item.graph.sections):
        for it in registrations(linked, section, references, known):
            edges = tuple(each.edge for each in it.references)
            kept = frozenset(each.constant for each in it.references if each.constant)
            yield Claim(it.operator, section, edges, kept)


def registering(planned: Planned, host: Host) -> Weight:
    """Return what registering one operator weighs, on average of the builds of the cache."""
    pattern = f"builds/{planned.plan.target}-*/build/CMakeFiles/roots.dir/registration.cpp.o"
    objects = [weigh(path, path.read_bytes()) for path in sorted(host.cache.glob(pattern))]
    rows = [(_registered(it), _own(it)) for it in objects]
    least = min(rows, key=lambda it: it[0])
    count = sum(operators - least[0] for operators, _ in rows)
    return total(weight - least[1] for _, weight in rows).part(max(count, 1))


def _registered(item: WeighedObject) -> int:
    """Return how many operators an object registers, by their names."""
    return sum(
        item.details.content(item.details.headers[index]).count(0)
        for index, section in item.graph.sections.items()
        if section.name == REGISTERED
    )


def _own(item: WeighedObject) -> Weight:
    """Return what an object weighs that is made for one runtime, less what others have, too."""
    shared = {index for name, index in item.graph.weak.items() if "run_operator" not in name}
    constants = frozenset[bytes]().union(*item.constants.values())
    own = total(weight for index, weight in item.weights.items() if index not in shared)
    return own + Weight(sum(map(len, constants)))


def named(sections: Sections, planned: Planned) -> dict[Node, str]:
    """Return the nodes that plans ask for, or may cut, with their names."""
    wanted = frozenset({UPGRADERS}).union(*map(names_of, planned.catalogue.entries.values()))
    nodes = set(sections.leads).union(*sections.leads.values())
    found: dict[Node, str] = {}
    for kind, key in nodes:
        name = str(key)
        if kind == "instead":
            found[kind, key] = INSTEAD + name
        elif kind == "operator" or (kind == "symbol" and (name in wanted or may_cut(name))):
            found[kind, key] = name
        elif kind == "symbol" and (registration := class_of_symbol(name)) is not None:
            found[kind, key] = registration
    return found


@cache
def may_cut(name: str) -> bool:
    """Whether any selection cuts a name, or replaces what it stands for."""
    if name.startswith(INSTEAD) or REPLACEMENT(mangled(name)) is not None:
        return True
    return feature_of(mangled(name), CUTS) is not None


def learn(planned: Planned, also: Sequence[Path], host: Host, console: Console) -> SizeGraph:
    """Return the size graph of all objects that there are for a plan."""
    objects = read_objects(planned, also, host, console)
    sections = connect(objects, read_registrars(planned, host), REPLACEMENT)
    roots = [it for it in always_linked(planned.candidates.groups) if it in objects]
    always: list[Node] = [("object", it) for it in roots]
    always += [
        ("section", (it, index)) for it in roots for index in objects[it].graph.strong.values()
    ]
    return condense(sections, always, named(sections, planned), may_cut, frozenset(objects))


def measure(size: int, planned: Planned, graph: SizeGraph, each: Weight) -> Base:
    """Return what is known of the runtime that predictions count from: its plan and its bytes."""
    asked = asked_of(question_of(planned), graph)
    reached = graph.reach([*asked.operators.values(), asked.others], cutter(question_of(planned)))
    return Base(size, graph.weight(reached.live), len(asked.operators), each, PROMISED)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("base", type=Path, help="an artifact of one ABI with few operators")
    parser.add_argument("--profile", type=Path, help="an artifact whose objects to learn instead")
    parser.add_argument(
        "--also", action="append", default=[], type=Path, metavar="STORE",
        help="a folder of objects, made with other flags, to learn what the plan's own stores lack",
    )  # fmt: skip
    options = parser.parse_args()
    host = make_host()
    console = make_console(quiet=False, ci=not sys.stderr.isatty())
    with tempfile.TemporaryDirectory() as scratch:
        with open_artifact(options.base, Path(scratch)) as it:
            planned = plan_again(it, host, console)
            size, name = it.library.stat().st_size, measured_as(it.target)
        learning = planned
        if options.profile:
            with open_artifact(options.profile, Path(scratch)) as it:
                learning = plan_again(it, host, console)
    own = learn(planned, options.also, host, console)
    base = measure(size, planned, own, registering(planned, host))
    graph = own if learning is planned else learn(learning, options.also, host, console)
    path = sizes_path(question_of(learning), learning.plan.target.abi)
    former = read_sizes(path)
    bases = {**(former.bases if former else {}), name: base}
    write_atomic(path, SizeTable(graph, bases).to_bytes())
    print(
        f"{path.name}: {len(graph.sources)} objects, {len(graph.names)} names,"
        f" {len(graph.weights)} nodes, {path.stat().st_size} bytes; an operator weighs {base.each}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
