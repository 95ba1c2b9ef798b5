"""Objects that do not depend on dtypes are shared by builds with different ones."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.compilation.dependence import DTYPE_CHECK
from tests.e2e.real import Runtime, wait_until
from tests.native.mini_torch.installing import write_tree
from tests.native.mini_torch.workshop import Workshop

FLOAT: Final = ("--dtypes", "Float")
DISPATCHING: Final = {"AbsKernel.cpp.o", "Activation.cpp.o", "NegKernel.cpp.o"}
"""What the first model needs that asks for dtypes: kernels, and an operator with a loop."""

OUTSIDE: Final = 3
"""Objects of the runtime's own project: the registrations, the manifest, and a registrar."""

OVERLOOKED: Final = f"""
#include <ATen/Dispatch.h>
#define PASTED(one, other) one##other
static_assert(at::PASTED({DTYPE_CHECK.removesuffix("dtype")}, dtype)("", at::ScalarType::Float));
"""
"""A question for a dtype that no text tells: its name is pasted together."""


def names(paths: Iterable[Path]) -> set[str]:
    """Return the names of objects, without those of precompiled headers."""
    return {path.name for path in paths if "precompiled" not in path.parts}


def test_other_dtypes_compile_what_asks_for_them_alone(workshop: Workshop, first: Runtime) -> None:
    assert workshop.build(*workshop.first).archive.read_bytes() == first.archive.read_bytes()
    before = workshop.compiled()
    words = (*workshop.words(*workshop.first), *FLOAT, "--json")
    (planned,) = workshop.tool.run("plan", *words, cwd=workshop.folder).document["targets"]
    other = workshop.build(*workshop.first, *FLOAT)
    after = workshop.compiled()
    assert names(after.keys() - before.keys()) == DISPATCHING
    assert {path: after[path] for path in before} == before
    counted = other.summary["objects"]
    assert counted["compiled"] == planned["compile"] + OUTSIDE == len(DISPATCHING) + OUTSIDE
    assert other.library.read_bytes() != first.library.read_bytes()


def test_a_library_does_not_tell_what_was_built_before(workshop: Workshop, first: Runtime) -> None:
    workshop.build(*workshop.second, *FLOAT)
    assert workshop.build(*workshop.first).archive.read_bytes() == first.archive.read_bytes()


def test_a_source_that_asks_in_a_way_no_text_tells_is_compiled_for_its_dtypes(
    workshop: Workshop, tmp_path: Path
) -> None:
    """The compiler finds out, and it is remembered."""
    source = write_tree(tmp_path / "source")
    with (source / "aten/src/ATen/native/UnaryOps.cpp").open("a") as stream:
        stream.write(OVERLOOKED)
    changed = replace(workshop, source=source)
    once = changed.build(*changed.first)
    asking = {path.parts[path.parts.index("objects") + 1] for path in changed.compiled()
              if path.name in {*DISPATCHING, "UnaryOps.cpp.o"}}  # fmt: skip
    assert len(asking) == 1, "the store with the dtypes"
    log = next(changed.tool.cache.glob("objects/*/dependent.json")).with_name("build.log")
    refused = log.read_text().count("FAILED: ")
    assert refused == 1
    shutil.rmtree(changed.tool.cache / "builds")
    shutil.rmtree(changed.tool.cache / "results")
    again = changed.build(*changed.first)
    assert again.summary["objects"]["compiled"] == OUTSIDE
    assert log.read_text().count("FAILED: ") == refused
    assert again.archive.read_bytes() == once.archive.read_bytes()


def test_builds_with_different_dtypes_at_once(workshop: Workshop, first: Runtime) -> None:
    tool = workshop.tool
    one = tool.start(*workshop.words(*workshop.first), "-o", "one", cwd=workshop.folder)
    wait_until(lambda: len(workshop.compiled()) >= 1, one, seconds=120)
    words = (*workshop.words(*workshop.first), *FLOAT, "-o", "two")
    two = tool.start(*words, cwd=workshop.folder)
    said = [process.communicate(timeout=300)[1] for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], said
    assert re.search(
        rf"waiting for process {one.pid}, since [\d:]+: building linux-x86_64", said[1]
    )
    (archive,) = (workshop.folder / "one").glob("*.tar.gz")
    assert archive.read_bytes() == first.archive.read_bytes()


def test_a_store_that_is_lost_costs_what_was_in_it(workshop: Workshop, first: Runtime) -> None:
    """Each of them may be pruned alone."""
    workshop.build(*workshop.first)
    stores = {path.parts[path.parts.index("objects") + 1] for path in workshop.compiled()}
    assert len(stores) == 2
    for store in sorted(stores):
        lost = names(path for path in workshop.compiled() if store in path.parts)
        shutil.rmtree(workshop.tool.cache / "objects" / store)
        shutil.rmtree(workshop.tool.cache / "results")
        made = workshop.build(*workshop.first)
        assert made.summary["objects"]["compiled"] == len(lost)
        assert made.archive.read_bytes() == first.archive.read_bytes()
