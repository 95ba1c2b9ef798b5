"""What decides an output is hashed as a whole: no field of any value can be forgotten."""

import dataclasses
import enum
import types
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.tracing import trace_model
from builder.pipeline import results
from builder.pipeline.request import Request
from builder.source.request import SourceRequest
from builder.vocabulary.fingerprints import BY_PLACE, counts, fingerprint, uncounted
from builder.vocabulary.models import InputSpec
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import BuildPlan, Optimisation, Program
from builder.vocabulary.providers import SourceProvider
from builder.vocabulary.targets import Abi, Platform, Target
from builder.vocabulary.tolerances import Limits
from tests.golden.tiny import make_plan

REQUEST = Request(
    models=(Path("a.pt"),),
    abis=(Abi.X86,),
    platform="linux",
    output=Path("dist"),
    source=SourceRequest(Path("tree"), SourceProvider.GIT, offline=True),
    dtypes=frozenset({"Float"}),
    inputs=(InputSpec(files=(Path("a.npz"),), shapes=((1, 2),), dtypes=("float32",)),),
    verify=True,
    require_run=False,
    limits=Limits(relative=0.5, absolute=0.25),
    lists=(Path("ops.yaml"),),
    extra=(Path("more.txt"),),
)
DECISIVE = [
    make_plan(),
    results._Question(
        own=("0",),
        compiler=results._Compiler(Program("ndk", Path("/ndk"), "1"), "2"),
        twin=results._Compiler(Program("zig", Path("/zig"), "1"), "2"),
        target=Target(Platform.LINUX, Abi.X86),
        source=make_plan().source,
        request=REQUEST,
        converted=("1",),
        run=("natively",),
    ),
    trace_model._Question(1, "2.13", "ab", InputSpec(shapes=((1,),), dtypes=("float32",))),
]
"""One value for each kind of output that is kept: a build with its objects, a result, a trace."""


def name(value: object) -> str:
    return fingerprint(value, content=lambda path: f"content of {path}")


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any, "dataclasses.Field[Any]"]]:
    """Yield every field of a value and of the values in it."""
    for it in fields(value):
        inner = getattr(value, it.name)
        yield f"{path}.{it.name}", value, it
        if is_dataclass(inner) and counts(it):
            yield from places(inner, f"{path}.{it.name}")


def other(value: Any) -> Any:
    """Return a different value of the same type."""
    if isinstance(value, enum.Enum):
        return next((it for it in type(value) if it is not value), "speed")
    if is_dataclass(value):
        it = next(it for it in fields(value) if counts(it))
        return replaced(value, it.name, other(getattr(value, it.name)))
    simple: dict[type, Any] = {bool: not value, type(None): 3, str: f"{value}x"}
    if type(value) in simple:
        return simple[type(value)]
    if isinstance(value, Path):
        return value / "other"
    if isinstance(value, frozenset):
        return value | {"another"}
    return (value[:-1] or (*value, "another")) if isinstance(value, tuple) else value + 1


def changed(value: Any, path: str) -> Any:
    """Return a copy of a value in which the field at a path is another."""
    first, _, rest = path.removeprefix(".").partition(".")
    inner = getattr(value, first)
    new = changed(inner, rest) if rest else other(inner)
    return replaced(value, first, new)


def replaced(value: Any, field_name: str, new: Any) -> Any:
    copy = object.__new__(type(value))
    for it in fields(value):
        setting = new if it.name == field_name else getattr(value, it.name)
        object.__setattr__(copy, it.name, setting)
    return copy


CASES = [
    pytest.param(value, path, it, id=f"{type(value).__name__}{path}")
    for value in DECISIVE
    for path, _, it in places(value)
]


@pytest.mark.parametrize(("value", "path", "it"), CASES)
def test_every_field_counts_or_says_why_not(
    value: object, path: str, it: "dataclasses.Field[Any]"
) -> None:
    if counts(it):
        assert name(changed(value, path)) != name(value)
    else:
        assert name(changed(value, path)) == name(value)
        assert len(it.metadata["uncounted"]) > 20, "a reason in words"


def test_the_store_is_named_by_what_decides_objects_alone() -> None:
    plan = make_plan()
    assert replace(plan, selection=Selection()).objects.fingerprint == plan.objects.fingerprint
    assert replace(plan, link=("-O0",)).objects.fingerprint == plan.objects.fingerprint
    assert replace(plan, selection=Selection()).fingerprint != plan.fingerprint


def test_a_field_that_somebody_adds_counts_at_once() -> None:
    @dataclass(frozen=True)
    class More(BuildPlan):
        lto: bool = False

    plan = make_plan()
    parts = {it.name: getattr(plan, it.name) for it in fields(BuildPlan)}
    assert name(More(**parts)) != name(More(**parts, lto=True))


def test_another_optimisation_makes_other_objects() -> None:
    plan = make_plan()
    profile = replaced(plan.profile, "optimisation", "speed")
    assert isinstance(plan.profile.optimisation, Optimisation)
    objects = replaced(plan.objects, "profile", profile)
    assert objects.fingerprint != plan.objects.fingerprint


@given(st.frozensets(st.text(max_size=5)), st.randoms())
def test_the_order_of_a_set_is_no_difference(items: frozenset[str], random: Any) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert name(items) == name(frozenset(shuffled))


def test_values_of_two_types_differ() -> None:
    @dataclass(frozen=True)
    class One:
        text: str = "x"

    @dataclass(frozen=True)
    class Two:
        text: str = "x"

    assert len({name(it) for it in (One(), Two(), ("x",), "x", {"text": "x"})}) == 5


def test_a_path_needs_content_and_a_place_none() -> None:
    @dataclass(frozen=True)
    class Told:
        here: Path = field(metadata=BY_PLACE)

    with pytest.raises(TypeError, match="no canonical form"):
        fingerprint(Path("x"))
    assert fingerprint(Told(Path("/a"))) != fingerprint(Told(Path("/b")))
    assert fingerprint(Told(Path("/a/../b"))) == fingerprint(Told(Path("/b")))
    with pytest.raises(AssertionError):
        uncounted("")


def test_nothing_without_a_form_is_hashed_by_its_looks() -> None:
    for value in (object(), b"bytes", types.SimpleNamespace(), Program):
        with pytest.raises(TypeError, match="no canonical form"):
            fingerprint(value)


def test_few_fields_do_not_count() -> None:
    """A field that is taken out here by mistake would answer a question with another's answer."""
    left_out = {path.rpartition(".")[2] for value in DECISIVE for path, _, it in places(value)
                if not counts(it)}  # fmt: skip
    tools = {"path", "cmake", "ninja", "cc", "cxx", "ar", "linker", "cmake_file"}
    asked = {
        "abis",
        "platform",
        "android_api",
        "ndk",
        "runner",
        "directory",
        "offline",
        "ops_source",
        "pack",
    }
    told_by_flags = {"messages"}
    told_by_digest = {"variables"}
    assert left_out == {*tools, *asked, *told_by_flags, *told_by_digest, "provider", "root"}
