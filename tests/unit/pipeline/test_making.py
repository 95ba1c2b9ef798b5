import pytest

from builder.libtorch.candidates import Group
from builder.pipeline.making import refuse_fused
from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import SourceKind

GROUPS = (
    Group("aten", SourceKind.KERNEL, "pytorch", "CXX", ("CPUBlas.cpp",), (), ()),
    Group("ours", SourceKind.OWN_KERNEL, "native", "CXX", ("src/kernels/gemm.cpp",), (), ()),
)


def test_answers_cannot_be_exact_where_kernels_of_ours_compute_them() -> None:
    with pytest.raises(UsageError, match=r"gemm\.cpp") as refused:
        refuse_fused(GROUPS, ["pytorch:CPUBlas.cpp", "native:src/kernels/gemm.cpp"])
    assert "--kernels aten" in refused.value.hint


def test_answers_may_be_exact_with_kernels_of_upstream() -> None:
    refuse_fused(GROUPS, ["pytorch:CPUBlas.cpp"])
    refuse_fused(GROUPS[:1], ["pytorch:CPUBlas.cpp", "native:src/kernels/gemm.cpp"])
