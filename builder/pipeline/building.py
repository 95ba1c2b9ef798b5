"""From a plan to a linked runtime."""

from collections.abc import Callable
from functools import cache

from builder.artifact.manifest import BuildFacts, manifest
from builder.compilation.output import BuildOutput
from builder.compilation.project import render_cuts, render_runtime
from builder.compilation.runtime import Demand, build_runtime
from builder.compilation.workspace import TREE
from builder.extensions.compiling import candidates_of, explained
from builder.foundation.files import locked, write_atomic
from builder.foundation.process import Host
from builder.libtorch.closure.libraries import provided_symbols
from builder.libtorch.closure.objects import read_object
from builder.libtorch.closure.replacements import FindReplacement, find_replacement
from builder.libtorch.cuts import all_stand_ins, feature_of
from builder.libtorch.search import SourceSearch
from builder.libtorch.symbols import condense, finder, read_index
from builder.pipeline.planning import Planned, always_linked, learned_indexes
from builder.pipeline.request import Events

Find = Callable[[str], tuple[str, ...]]
"""From a symbol to the sources that may define it, the best first."""


def compile_plan(planned: Planned, host: Host, events: Events) -> BuildOutput:
    """Compile and link what was planned."""
    extension = planned.extension
    compiled = planned.candidates.names | {it.id for it in extension.sources}
    kernels = {it.kernel: it.definer for it in planned.catalogue.entries.values() if it.kernel}
    # the catalogue names kernels of every profile
    definers = {
        symbol: source
        for symbol, source in {**kernels, **planned.index.definers(planned.replacement)}.items()
        if source in compiled
    }
    # the text inside the library leaves the models out: new weights must not make a new library
    project = render_runtime(
        planned.plan, planned.catalogue, manifest(BuildFacts(planned.plan, ())), extension
    )
    with planned.toolchain.link_line(planned.plan.toolchain, host) as link_line:
        provided = cache(lambda: provided_symbols(link_line().libraries))
        demand = Demand(
            always=always_linked(planned.candidates.groups),
            predicted=planned.prediction.sources,
            known_definers=_replaced(finder(definers), planned.replacement),
            search=SourceSearch(
                (*planned.candidates.groups, *candidates_of(extension)),
                {**planned.candidates.roots, **dict(extension.roots)},
                provided,
            ).definers,
            replacement=planned.replacement,
            feature_of=cache(lambda symbol: feature_of(symbol, planned.cuts)),
            render_cuts=lambda features: render_cuts(planned.plan.tool, features),
            link_line=link_line,
        )
        with explained(extension, TREE):
            output = build_runtime(planned.plan, planned.store, project, demand, host, events)
    if output.sources.keys() != set(planned.prediction.sources) | set(demand.always):
        _learn(planned, output, host)
    return output


def _replaced(find: Find, replacement: FindReplacement) -> Find:
    """Return a function to the sources of a symbol that asks for its replacement first."""

    def known(symbol: str) -> tuple[str, ...]:
        source = replacement(symbol)
        return find(symbol) if source is None else (source,)

    return known


def _learn(planned: Planned, output: BuildOutput, host: Host) -> None:
    """Remember what this build found out: the next prediction for these objects is exact."""
    # only objects this build asked ninja for: others may be of a run that was killed
    graphs = {
        source: read_object(path)
        for source, path in output.sources.items()
        if source in planned.store.homes
    }
    learned = condense(
        graphs,
        known=planned.index.definers(),
        whole=always_linked(planned.candidates.groups),
        replacement=find_replacement(None, stand_ins=all_stand_ins()),
    )
    for path in learned_indexes(planned.plan, host):
        with locked(path.with_suffix(".lock")):
            write_atomic(path, read_index(path).merged(learned).to_bytes())
