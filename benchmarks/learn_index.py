"""Make the symbol index and the table of kernels that ship, from the objects of a store.

    python benchmarks/learn_index.py --compile-all     # every candidate source: half an hour, once
    python benchmarks/learn_index.py                   # only what the store holds already
    python benchmarks/learn_index.py --component xnnpack --abi x86_64   # and what it needs there

The index is advice: plans name files with it before anything is compiled. What the objects say
replaces what the shipped index said of the same sources; the rest of it stays. Objects of another
ABI than the first add to it what they need there: that is for components that choose by ABI.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from platformdirs import user_cache_path

from builder.compilation.output import telling
from builder.compilation.store import OpenStore
from builder.foundation.console import Console, make_console
from builder.foundation.files import write_atomic
from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, SubprocessRunner
from builder.foundation.settings import BuildSettings
from builder.libtorch.closure.objects import read_object
from builder.libtorch.closure.replacements import find_replacement
from builder.libtorch.cuts import all_stand_ins
from builder.libtorch.locations.derive import derive_locations
from builder.libtorch.locations.table import FILE, to_bytes
from builder.libtorch.symbols import SymbolIndex, condense, read_index
from builder.pipeline.planning import always_linked, make_plan, shipped_indexes
from builder.pipeline.wanted import read_wanted
from builder.source.opening import open_source
from builder.source.request import SourceRequest
from builder.vocabulary.errors import CompileError
from builder.vocabulary.targets import Abi, Platform, make_target

_BATCH = 16
FIRST = Abi.ARM64_V8A
EXAMPLE = Path(__file__).parents[1] / "examples" / "classifier" / "model.pt"


def compile_all(store: OpenStore, pending: Sequence[str], host: Host, console: Console) -> None:
    """Compile candidates; what does not compile (it is for another system) is passed over."""
    batches = [pending[at : at + _BATCH] for at in range(0, len(pending), _BATCH)]
    for batch in batches:
        try:
            store.compile(batch, host, console)
        except CompileError:
            for name in batch:
                try:
                    store.compile([name], host, console)
                except CompileError:
                    console.note(f"does not compile: {name}")


def is_of(source: str, components: Sequence[str]) -> bool:
    """Whether a source is of one of these components; none are named: of any."""
    return not components or source.partition(":")[0] in components


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--abi", default=FIRST, choices=[abi.value for abi in Abi])
    parser.add_argument("--compile-all", action="store_true")
    parser.add_argument("--component", action="append", default=[], help="these alone")
    parser.add_argument("--model", type=Path, default=EXAMPLE, help="decides the profile")
    options = parser.parse_args()
    named = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    cache = Path(named) if named else user_cache_path("build-runtime")
    jobs = usable_cores()
    host = Host(MappingProxyType(dict(os.environ)), SubprocessRunner(), cache, jobs)
    console = make_console(quiet=False, ci=not sys.stderr.isatty())
    source = open_source(SourceRequest(directory=None), host, console)
    target = make_target(Platform.LINUX, Abi(options.abi))
    settings = BuildSettings()
    wanted = read_wanted([options.model], (), (), host, settings.conversion)
    planned = make_plan(wanted, source, target, settings, host, console)
    with planned.store.opened(host, "learning what objects need", telling(console)) as store:
        chosen = sorted(it for it in store.homes if is_of(it, options.component))
        if options.compile_all:
            compile_all(store, chosen, host, console)
        graphs = {
            name: read_object(store.object_of(name)) for name in sorted(planned.store.compiled())
        }
    path = shipped_indexes(planned.plan)[-1]
    # what files of other ABIs ask for stays known, too
    shipped = reduce(SymbolIndex.merged, map(read_index, shipped_indexes(planned.plan)))
    known = shipped.merged(planned.index).definers()
    learned = condense(
        graphs,
        known=known,
        whole=always_linked(planned.candidates.groups),
        replacement=find_replacement(None, stand_ins=all_stand_ins()),
    )
    learned = learned.of(frozenset(chosen))
    shipped = read_index(path)
    index = shipped.merged(learned) if options.abi == FIRST else shipped.joined(learned)
    write_atomic(path, index.to_bytes())
    if path == shipped_indexes(planned.plan)[0]:  # the index of the profile of float models
        write_atomic(path.with_name(FILE), to_bytes(derive_locations(planned.catalogue, index)))
    print(
        f"{len(graphs)} objects read, {len(index.files)} sources known, {path.stat().st_size} bytes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
