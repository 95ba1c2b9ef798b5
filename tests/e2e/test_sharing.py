"""What quantized models take from the objects of float models is what they would compile."""

from collections.abc import Callable

import pytest

from builder.compilation.output import telling
from builder.compilation.store import OpenStore
from builder.foundation.console import make_console
from builder.foundation.settings import BuildSettings
from builder.pipeline.planning import make_plan
from builder.pipeline.wanted import Wanted, read_models
from builder.source.opening import open_source
from builder.source.request import SourceRequest
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.e2e.real import Runtime, Tool, host_of


@pytest.mark.slow
def test_shared_objects_are_the_same(tool: Tool, runtime: Callable[[str, str], Runtime]) -> None:
    """Each is compiled for the quantized profile, too, as if nothing were shared."""
    runtime("classifier", "x86_64")
    made = runtime("quantized", "x86_64")
    host, events = host_of(tool), make_console(quiet=False, ci=True)
    models = read_models([made.model("model")], host)
    source = open_source(SourceRequest(), host, events)
    target = make_target(Platform.LINUX, Abi.X86_64)
    planned = make_plan(Wanted(models), source, target, BuildSettings(), host, events)
    with planned.store.opened(host, "comparing objects", telling(events)) as opened:
        shared = sorted(it for it in planned.store.compiled() if opened.homes[it] == 0)
        own = OpenStore(opened.stores, opened.outputs, dict.fromkeys(shared, 1))
        own.compile(shared, host, events)
        different = [
            it
            for it in shared
            if opened.object_of(it).read_bytes() != own.object_of(it).read_bytes()
        ]
    assert len(shared) > 100
    assert not different
