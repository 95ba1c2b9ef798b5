from dataclasses import replace
from pathlib import Path

import pytest

from builder.compilation import sharing
from builder.compilation.dependence import Candidates, Dependents
from builder.compilation.sharing import find_store
from builder.compilation.store import ObjectStore
from builder.foundation.process import Host
from builder.libtorch.candidates import Group
from builder.vocabulary.plan import BuildPlan, GeneratedTree, Profile, SourceKind
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan

SOURCES = ("any.cpp", "backends.cpp", "dtypes.cpp")
ANY, BACKENDS, DTYPES = (f"pytorch:{it}" for it in SOURCES)
CANDIDATES = Candidates((Group("g", SourceKind.KERNEL, "pytorch", "CXX", SOURCES, (), ()),), {})
FOUND = Dependents(frozenset({DTYPES}), frozenset({BACKENDS, DTYPES}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Candidates, Candidates]]:
    """Return the questions for dependent sources, which are answered without reading any."""
    questions: list[tuple[Candidates, Candidates]] = []

    def find_dependents(own: Candidates, base: Candidates) -> Dependents:
        questions.append((own, base))
        return FOUND if own is not base else Dependents(FOUND.dtypes, frozenset())

    monkeypatch.setattr(sharing, "find_dependents", find_dependents)
    monkeypatch.setattr(sharing, "candidates_of", lambda _: replace(CANDIDATES))
    return questions


def planned(*dtypes: str, quantized: bool = False) -> BuildPlan:
    plan = make_plan()
    if not quantized:
        return replace(plan, objects=replace(plan.objects, profile=Profile(frozenset(dtypes))))
    profile = Profile(frozenset(dtypes), ("CPU", "QuantizedCPU"))
    generated = GeneratedTree(Path("/cache/other"), "9" * 64)
    return replace(plan, objects=replace(plan.objects, profile=profile, generated=generated))


def stores(plan: BuildPlan, host: Host) -> ObjectStore:
    return find_store(plan, planned(*plan.profile.dtypes).objects, CANDIDATES, host)


def folder(store: ObjectStore, source: str) -> Path:
    return store.stores[store.homes[source]].workspace.root


@pytest.mark.usefixtures("asked")
def test_only_what_depends_on_dtypes_is_compiled_for_them(host: Host) -> None:
    one, two = stores(planned("Float"), host), stores(planned("Float", "Half"), host)
    assert folder(one, ANY) == folder(two, ANY) == folder(one, BACKENDS)
    assert folder(one, DTYPES) != folder(two, DTYPES)
    assert len(one.stores) == 2


@pytest.mark.usefixtures("asked")
def test_only_what_depends_on_backends_is_compiled_for_them(host: Host) -> None:
    float_, one = stores(planned("Float"), host), stores(planned("Float", quantized=True), host)
    two = stores(planned("Half", quantized=True), host)
    assert folder(float_, ANY) == folder(one, ANY) == folder(two, ANY)
    assert folder(one, BACKENDS) == folder(two, BACKENDS) != folder(float_, BACKENDS)
    assert len({folder(it, DTYPES) for it in (float_, one, two)}) == 3


@pytest.mark.usefixtures("asked")
def test_stores_are_locked_in_one_order_whoever_builds(host: Host) -> None:
    """Two builds that want each other's next lock would wait for ever."""
    plans = [planned(dtype, quantized=it) for dtype in ("Float", "Half") for it in (False, True)]
    orders = [[it.workspace.root for it in stores(plan, host).stores] for plan in plans]
    for one in orders:
        for two in orders:
            both = [it for it in one if it in two]
            assert both == [it for it in two if it in one]


@pytest.mark.usefixtures("asked")
def test_a_shared_store_is_the_same_project_for_all_who_share_it(host: Host) -> None:
    """Or it would be configured by each of them in turn."""
    first, second = (stores(planned(it, quantized=True), host) for it in ("Float", "Half"))
    float_ = stores(planned("Float"), host)
    assert first.stores[0].project == second.stores[0].project == float_.stores[0].project
    assert first.stores[1].project == second.stores[1].project
    (header,) = (it for it in first.stores[1].project.files if it.path.name.startswith("selected"))
    assert "= delete" in header.text
    (header,) = (it for it in first.stores[2].project.files if it.path.name.startswith("selected"))
    assert "ScalarType::Float:" in header.text


def test_sources_are_read_once(
    asked: list[tuple[Candidates, Candidates]], host: Host, runner: FakeRunner
) -> None:
    once = stores(planned("Float", quantized=True), host)
    assert stores(planned("Half", quantized=True), host).homes == once.homes
    assert len(asked) == 1
    (kept,) = (host.cache / "indexes").glob("dependents-*.json")
    for damage in ("{", "[]", '{"dtypes": []}'):
        kept.write_text(damage)
        assert stores(planned("Half", quantized=True), host).homes == once.homes
    assert len(asked) == 4
    assert not runner.programs
