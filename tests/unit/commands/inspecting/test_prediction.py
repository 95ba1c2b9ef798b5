"""What plans ask of the size graphs that ship, and what these hold."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from builder.commands.inspecting.prediction import predict_size, read_like, sizes_path, word_size
from builder.compilation.dependence import Candidates
from builder.compilation.store import ObjectStore
from builder.libtorch.closure.replacements import KEEPS_ALL
from builder.libtorch.closure.sizing.table import read_sizes
from builder.libtorch.symbols import EMPTY, Prediction
from builder.pipeline.planning import Planned
from builder.toolchains.protocol import ToolchainProvider
from builder.vocabulary.plan import BASE_BACKENDS, BuildPlan
from builder.vocabulary.targets import Abi, Platform, Target
from tests.golden.tiny import CATALOGUE, make_plan


def plan_for(target: Target, version: str = "2.6.0") -> BuildPlan:
    plan = make_plan()
    toolchain = replace(plan.objects.toolchain, target=target)
    source = replace(plan.objects.source, version=version)
    return replace(plan, objects=replace(plan.objects, toolchain=toolchain, source=source))


def planned(plan: BuildPlan) -> Planned:
    prediction = Prediction((), {}, frozenset())
    stores = ObjectStore((), {})
    return Planned(
        plan, cast("ToolchainProvider", None), CATALOGUE, Candidates((), {}), stores, EMPTY,
        prediction, (), KEEPS_ALL,
    )  # fmt: skip


def test_each_abi_is_predicted_by_itself_or_by_one_like_it() -> None:
    for abi in Abi:
        found = predict_size(planned(plan_for(Target(Platform.LINUX, abi))))
        assert found is not None
        assert 1_000_000 < found.least < found.size < found.most


def test_of_an_unknown_source_nothing_is_predicted() -> None:
    assert predict_size(planned(plan_for(Target(Platform.LINUX, Abi.X86_64), "1.0.0"))) is None


def test_a_platform_that_was_not_measured_is_in_doubt() -> None:
    sizes = [
        predict_size(planned(plan_for(it)))
        for it in (Target(Platform.LINUX, Abi.X86_64), Target(Platform.ANDROID, Abi.X86, 24))
    ]
    doubts = [it.most - it.size for it in sizes if it is not None]
    assert doubts[1] > 2 * doubts[0]


def test_objects_of_quantized_models_have_a_graph_of_their_own() -> None:
    plan = plan_for(Target(Platform.LINUX, Abi.X86_64))
    profile = replace(plan.profile, backends=(*BASE_BACKENDS, "QuantizedCPU"))
    quantized = replace(plan, objects=replace(plan.objects, profile=profile))
    assert sizes_path(plan, Abi.X86_64) != sizes_path(quantized, Abi.X86_64)
    assert read_like(quantized) != read_like(plan)


@pytest.mark.parametrize(
    ("flags", "abi", "size"),
    [
        ((), Abi.X86_64, 24.0),
        ((), Abi.X86, 8.0),
        (("--pack-dyn-relocs=relr",), Abi.X86_64, 0.5),
        (("--pack-dyn-relocs=android+relr",), Abi.X86, 0.5),
    ],
)
def test_a_word_to_relocate_takes_what_the_linker_is_asked_for(
    flags: tuple[str, ...], abi: Abi, size: float
) -> None:
    assert word_size(replace(plan_for(Target(Platform.LINUX, abi)), link=flags)) == size


def test_what_ships_is_small_and_can_be_read() -> None:
    folder = sizes_path(make_plan(), Abi.X86_64).parent
    shipped = sorted(folder.glob("sizes-*.json.xz"))
    assert shipped
    for path in shipped:
        assert path.stat().st_size < 64_000
        table = read_sizes(Path(path))
        assert table is not None
        assert all(base.error <= 0.15 for base in table.bases.values())
