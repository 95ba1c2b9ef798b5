from dataclasses import replace
from typing import Any

import pytest

from builder.foundation.process import Host
from builder.libtorch.candidates import Group
from builder.pipeline import making
from builder.pipeline.executing import Rehearsed
from builder.pipeline.making import build_target, refuse_fused
from builder.pipeline.request import Request
from builder.pipeline.wanted import Wanted
from builder.vocabulary.checks import OUTPUTS, POLICY, RUN, Check, Outcome
from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import SourceKind, SourceTree
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from tests.unit.pipeline.test_executing import Patient
from tests.unit.pipeline.test_planning import request

GROUPS = (
    Group("aten", SourceKind.KERNEL, "pytorch", "CXX", ("CPUBlas.cpp",), (), ()),
    Group(
        "ours", SourceKind.OWN_KERNEL, "native", "CXX",
        ("src/kernels/gemm.cpp", "src/kernels/arithmetic.cpp"), (), (),
    ),
)  # fmt: skip


def test_answers_cannot_be_exact_where_kernels_of_ours_compute_them() -> None:
    with pytest.raises(UsageError, match=r"gemm\.cpp") as refused:
        refuse_fused(GROUPS, ["pytorch:CPUBlas.cpp", "native:src/kernels/gemm.cpp"], Abi.X86_64)
    assert "--kernels aten" in refused.value.hint


def test_answers_may_be_exact_where_kernels_of_ours_round_as_upstream_does() -> None:
    refuse_fused(GROUPS, ["native:src/kernels/arithmetic.cpp"], Abi.X86_64)
    with pytest.raises(UsageError) as refused:
        refuse_fused(
            GROUPS, ["native:src/kernels/arithmetic.cpp", "native:src/kernels/gemm.cpp"], Abi.X86_64
        )
    assert "(gemm.cpp)" in str(refused.value)


def test_answers_cannot_be_exact_where_vectors_take_the_smallest_floats_for_zero() -> None:
    with pytest.raises(UsageError, match=r"arithmetic\.cpp"):
        refuse_fused(GROUPS, ["native:src/kernels/arithmetic.cpp"], Abi.ARMEABI_V7A)


def test_answers_may_be_exact_with_kernels_of_upstream() -> None:
    refuse_fused(GROUPS, ["pytorch:CPUBlas.cpp"], Abi.X86_64)
    refuse_fused(GROUPS[:1], ["pytorch:CPUBlas.cpp", "native:src/kernels/gemm.cpp"], Abi.X86_64)


ANDROID = make_target(Platform.ANDROID, Abi.X86_64, 24)
TWIN = "in a twin for linux-x86_64"
UNRUN = (
    Check(name=POLICY, outcome=Outcome.PASSED),
    Check(name=RUN, outcome=Outcome.SKIPPED, reasons=("no qemu-x86_64 on PATH",)),
)
RAN = (UNRUN[0], Check(name=OUTPUTS, outcome=Outcome.PASSED, runner="natively", cases=1))


def proven(
    host: Host, monkeypatch: pytest.MonkeyPatch, twin: tuple[Check, ...], *, required: bool
) -> tuple[tuple[Check, ...], dict[Target, bool]]:
    """Build for Android what a twin answers for; return the checks, and where a run is required."""
    asked: dict[Target, bool] = {}

    def check_built(wish: Request, _rehearsed: Any, target: Target, *_: Any) -> tuple[Check, ...]:
        asked[target] = wish.require_run
        return UNRUN if target == ANDROID else twin

    monkeypatch.setattr(making, "make_plan", lambda _wanted, _source, target, *_: target)
    monkeypatch.setattr(making, "compile_plan", lambda *_: None)
    monkeypatch.setattr(making, "check_built", check_built)
    wish = replace(request("android"), prove_twin=True, require_run=required)
    rehearsed = Rehearsed(Wanted(()), ())
    source = SourceTree("2.6.0", "d" * 64, "cache", ())
    return build_target(wish, rehearsed, source, ANDROID, host, Patient()).checks, asked


def test_a_twin_that_was_not_run_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    checks, _ = proven(host, monkeypatch, UNRUN, required=False)
    assert checks == (*UNRUN, replace(UNRUN[1], runner=TWIN))
    checks, _ = proven(host, monkeypatch, RAN, required=False)
    assert checks == (*UNRUN, replace(RAN[1], runner=f"{TWIN}, natively"))


@pytest.mark.parametrize("required", [False, True])
def test_of_a_run_that_is_required_a_twin_is_asked(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, required: bool
) -> None:
    _, asked = proven(host, monkeypatch, RAN, required=required)
    assert asked == {ANDROID: False, make_target(Platform.LINUX, Abi.X86_64): required}
