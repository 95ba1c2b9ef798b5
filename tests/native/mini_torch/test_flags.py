"""The manifest tells with which flags a runtime was really made."""

import json
import re
from typing import Final

from tests.e2e.real import Runtime
from tests.native.mini_torch.workshop import Workshop

STATEMENT: Final = re.MULTILINE | re.DOTALL


def test_the_manifest_holds_the_flags(used: Workshop, first: Runtime) -> None:
    """Every option that compiled an object is in the manifest, and so is the link line."""
    told = json.dumps(first.manifest)
    graphs = used.tool.cache.glob("objects/*/build/build.ninja")
    lines = [
        line
        for graph in graphs
        for made, block in re.findall(r"^build (\S+\.o)\b(.*?)\n\n", graph.read_text(), STATEMENT)
        if (graph.parent / made).exists()
        for line in re.findall(r"^  FLAGS = (.*)$", block, re.MULTILINE)
    ]
    assert len(lines) > 5
    words = {word for line in lines for word in line.split() if re.match(r"-[Ofm]\w", word)}
    decisive = {it for it in words if not it.startswith(("-ffile-prefix-map", "-fno-pch", "-fpch"))}
    assert {"-Os", "-fvisibility=hidden"} <= decisive
    assert not [flag for flag in sorted(decisive) if flag not in told]
    assert "--gc-sections" in told
