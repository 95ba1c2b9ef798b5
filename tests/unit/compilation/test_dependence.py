from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.compilation.dependence import (
    Candidates,
    Dependents,
    find_dependents,
    included_components,
)
from builder.libtorch.candidates import INCLUDES, Group
from builder.vocabulary.plan import SourceKind

DISPATCH = """\
#define CHECK(dtype) if constexpr (!at::should_include_kernel_dtype("", dtype))
#define DISPATCH_CASE(dtype, ...) \\
  case dtype: \\
    CHECK(dtype);
#define DISPATCH(type, ...) switch (type) { DISPATCH_CASE(type, __VA_ARGS__) }
"""
USES = "#include <ATen/Dispatch.h>\nvoid f() { DISPATCH(x, y); }\n"
NONE = Dependents(frozenset(), frozenset())

Files = Mapping[str, str]
Write = Callable[..., Candidates]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes components, and returns the candidates that are sources."""

    def make(
        files: Files,
        *,
        precompiled: tuple[str, ...] = (),
        group: str = "aten",
        generated: Files | None = None,
        name: str = "own",
    ) -> Candidates:
        components = {component for component, _ in INCLUDES}
        roots = {it: tmp_path / name / it for it in components}
        written = {
            **{f"pytorch/aten/src/{path}": text for path, text in files.items()},
            **{f"generated/{path}": text for path, text in (generated or {}).items()},
        }
        for path, text in written.items():
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        sources = tuple(sorted(path for path in files if path.endswith(".cpp")))
        made = tuple(sorted(path for path in generated or {} if path.endswith(".cpp")))
        kind = SourceKind.KERNEL
        groups = (
            Group(
                group, kind, "pytorch", "CXX", tuple(f"aten/src/{it}" for it in sources), (),
                precompiled,
            ),
            Group("generated", SourceKind.GENERATED, "generated", "CXX", made, (), ()),
        )  # fmt: skip
        return Candidates(groups, roots)

    return make


def dtypes(candidates: Candidates) -> set[str]:
    """Return the names of the sources that depend on dtypes."""
    found = find_dependents(candidates, candidates)
    assert not found.backends
    return {it.rpartition("/")[2] for it in found.dtypes}


@pytest.mark.parametrize(
    "files",
    [
        {"a.cpp": "bool f() { return at::should_include_kernel_dtype(x, y); }"},
        {"a.cpp": USES},
        {"a.cpp": f"{DISPATCH}#define MINE DISPATCH\nvoid f() {{ MINE(x); }}"},
        {"a.cpp": "#include <ATen/b.h>", "ATen/b.h": "#include <ATen/c.h>", "ATen/c.h": USES},
        {"ATen/a.cpp": '#include "b.h"', "ATen/b.h": USES},
        {"a.cpp": "#if 1\n#include <ATen/b.h>\n#endif", "ATen/b.h": USES},
        {"a.cpp": "#define WHERE <ATen/b.h>\n#include WHERE\n"},
        {"a.cpp": "#if 0\n#else\nvoid f() { DISPATCH(x); }\n#endif"},
        {"a.cpp": "#define TIMES1 CHECK\n#define N(x) CONCAT(TIMES, x)\nvoid f() { N(1)(y); }"},
        {"a.cpp": "int x = 1; /* text */ DISPATCH(y); // text"},
        {"a.cpp": 'f("https://example.org", DISPATCH(y)); g("/*"); h("*/");'},
        {"a.cpp": 'f("/*"); DISPATCH(y); h("*/");'},
        {"a.cpp": "#  define LONG \\\n  one \\\n  CHECK(x)\nLONG"},
    ],
)
def test_what_may_ask_for_dtypes_depends_on_them(files: Files, write: Write) -> None:
    assert dtypes(write({**files, "ATen/Dispatch.h": DISPATCH, "z.cpp": ""} | {
        path: f"#include <ATen/Dispatch.h>\n{text}" for path, text in files.items()
    })) == {"a.cpp"}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "#include <ATen/Dispatch.h>\nvoid f() {}",
        "// DISPATCH(x)\n/* DISPATCH\n(x) */",
        "#if 0\nDISPATCH(x);\n#endif",
        "constexpr bool should_include_kernel_dtype(const char*, int);",
        "void DISPATCHER(int);",
        "#define UNUSED DISPATCH",
        "#include <vector>",
    ],
)
def test_what_only_could_does_not(text: str, write: Write) -> None:
    assert dtypes(write({"a.cpp": text, "ATen/Dispatch.h": DISPATCH, "z.cpp": USES})) == {"z.cpp"}


def test_a_precompiled_header_is_included_by_the_whole_group(write: Write) -> None:
    files = {"a.cpp": "", "ATen/Loops.h": USES, "ATen/Dispatch.h": DISPATCH}
    assert dtypes(write(files)) == set()
    assert dtypes(write(files, precompiled=("<ATen/Dispatch.h>",))) == set()
    assert dtypes(write(files, precompiled=("<ATen/Loops.h>",))) == {"a.cpp"}


def test_a_header_of_ours_before_a_source_is_part_of_it(write: Write) -> None:
    written = write({"a.cpp": "", "z.cpp": "", "ATen/Dispatch.h": DISPATCH})
    roots = {**written.roots, "native": written.roots["pytorch"].with_name("native")}
    header = roots["native"] / "src/upstream/ours.h"
    header.parent.mkdir(parents=True)
    header.write_text(USES)
    group, *others = written.groups
    changed = replace(group, before=(("aten/src/a.cpp", "ours.h"),))
    assert dtypes(Candidates((changed, *others), roots)) == {"a.cpp"}


@given(length=st.integers(1, 8), user=st.integers(0, 7))
def test_however_long_the_way_is(
    length: int, user: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A chain of headers: what includes the user of a macro depends, what it includes does not."""
    user = min(user, length)
    folder = tmp_path_factory.mktemp("chain")
    roots = dict.fromkeys((component for component, _ in INCLUDES), folder)
    (folder / "ATen").mkdir()
    names = [f"ATen/{number}.h" for number in range(length)]
    for number, name in enumerate([*names, "last.cpp"]):
        included = f"#include <{names[number - 1]}>\n" if number else DISPATCH
        (folder / name).write_text(included + ("DISPATCH(x)\n" if number == user else ""))
        (folder / f"{number}.cpp").write_text(f'#include "{name}"\n')
    sources = tuple(f"{number}.cpp" for number in range(length + 1))
    candidates = Candidates(
        (Group("g", SourceKind.KERNEL, "pytorch", "CXX", sources, (), ()),), roots
    )
    expected = {f"{number}.cpp" for number in range(user, length + 1)}
    assert {it.partition(":")[2] for it in find_dependents(candidates, candidates).dtypes} == (
        expected
    )


@pytest.mark.parametrize(
    "text",
    [
        "#define CLASS(n) custom_class_allowlist_check(n)\nauto x = CLASS(y);",
        "#ifdef USE_PYTORCH_QNNPACK\n#endif",
    ],
)
def test_what_may_ask_for_backends_depends_on_them(text: str, write: Write) -> None:
    own, base = (write({"a.cpp": text, "b.cpp": ""}, name=it) for it in ("own", "base"))
    assert find_dependents(own, base) == Dependents(
        frozenset(), frozenset({"pytorch:aten/src/a.cpp"})
    )
    assert find_dependents(own, own) == NONE, "the base shares with itself"


def test_what_another_group_compiles_depends_on_backends(write: Write) -> None:
    own, base = (write({"a.cpp": ""}, group=it, name=it) for it in ("quantized", "aten"))
    assert find_dependents(own, base).backends == {"pytorch:aten/src/a.cpp"}


INCLUDER = "pytorch:aten/src/a.cpp"
SAME = "#pragma once\n// by one\n#include <ATen/ops/x.h>\nint f();\n"


@pytest.mark.parametrize(
    ("header", "more", "dependent"),
    [
        (SAME, {}, set()),
        (SAME.replace("by one", "by two").replace("\n#include", "\n\n#include"), {}, set()),
        (SAME.replace("int f();", "int f(int);"), {}, {INCLUDER}),
        (
            f"{SAME}#include <y.h>\n",
            {"y.h": "#pragma once\nnamespace at {\nnamespace quantizedcpu {\n"
                    "TORCH_API at::Tensor & f(at::Tensor & x, Ref y={}, Opt z=Opt());\n} }\n"},
            set(),
        ),
        (f"{SAME}#include <y.h>\n", {"y.h": "#pragma once\n"}, set()),
        (f"{SAME}#include <y.h>\n", {"y.h": "inline int g() { return 1; }"}, {INCLUDER}),
        (f"{SAME}#include <y.h>\n", {"y.h": "#define f(x) g(x)"}, {INCLUDER}),
    ],
)  # fmt: skip
def test_generated_files_are_compared(
    header: str,
    more: Files,
    dependent: set[str],
    write: Write,
) -> None:
    user = {"a.cpp": '#include "f.h"\n', "z.cpp": ""}
    base = write(user, generated={"f.h": SAME, "ATen/g.cpp": "1", "ATen/h.cpp": "1"}, name="base")
    made = {"f.h": header, "ATen/g.cpp": "1 // two", "ATen/h.cpp": "2", **more}
    own = write(user, generated=made)
    assert find_dependents(own, base).backends == {"generated:ATen/h.cpp", *dependent}


def test_components_are_inside_by_the_headers_that_a_source_may_include(write: Write) -> None:
    candidates = write({
        "a.cpp": "#include <fmt/format.h>\n",
        "b.cpp": '#include "by_way.h"\n',
        "by_way.h": "#include <fp16.h>\n",
        "c.cpp": "// nothing of others\n",
    })  # fmt: skip
    for component, header in (("fmt", "fmt/format.h"), ("fp16", "fp16.h"), ("psimd", "psimd.h")):
        place = candidates.roots[component] / "include" / header
        place.parent.mkdir(parents=True)
        place.touch()
    source = "pytorch:aten/src/{}.cpp".format
    assert included_components(candidates, {source("a")}) == {"pytorch", "fmt"}
    assert included_components(candidates, {source("b")}) == {"pytorch", "fp16"}
    assert included_components(candidates, {source("c")}) == {"pytorch"}
    assert included_components(candidates, set()) == frozenset()


def test_a_precompiled_header_is_included_by_all_of_its_group(write: Write) -> None:
    candidates = write({"a.cpp": ""}, precompiled=("<fmt/format.h>",))
    place = candidates.roots["fmt"] / "include/fmt/format.h"
    place.parent.mkdir(parents=True)
    place.touch()
    assert included_components(candidates, {"pytorch:aten/src/a.cpp"}) == {"pytorch", "fmt"}
