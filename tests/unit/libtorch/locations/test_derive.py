"""The table of kernels that ships is made of the index that ships."""

import pytest

from builder import RELEASE
from builder.foundation.resources import DATA
from builder.libtorch.codegen import pinned_catalogue
from builder.libtorch.locations.derive import derive_locations
from builder.libtorch.locations.table import FILE, read_locations, to_bytes
from builder.libtorch.symbols import read_index


def test_the_table_is_made_of_the_index_and_the_catalogue_that_ship() -> None:
    index = read_index(DATA / RELEASE / "symbols.json.xz")
    derived = derive_locations(pinned_catalogue(RELEASE), index)
    assert read_locations(RELEASE) == derived, "run benchmarks/learn_index.py"
    assert (DATA / RELEASE / FILE).read_bytes() == to_bytes(derived)


@pytest.mark.parametrize(
    ("operator", "path"),
    [
        ("aten::relu", "aten/src/ATen/native/Activation.cpp"),
        ("aten::softmax.int", "aten/src/ATen/native/SoftMax.cpp"),
        ("aten::lstm.input", "aten/src/ATen/native/RNN.cpp"),
        ("aten::mul.Tensor", "aten/src/ATen/native/BinaryOps.cpp"),
        ("aten::conv2d", "aten/src/ATen/native/Convolution.cpp"),
        ("aten::add.Tensor", "generated/ATen/UfuncCPU_add.cpp"),
        ("aten::eq.int", "torch/csrc/jit/runtime/register_prim_ops.cpp"),
        ("quantized::linear", "aten/src/ATen/native/quantized/cpu/qlinear.cpp"),
        ("prim::TupleIndex", "torch/csrc/jit/mobile/promoted_prim_ops.cpp"),
    ],
)
def test_the_file_is_the_one_with_the_kernel(operator: str, path: str) -> None:
    assert read_locations(RELEASE)[operator] == path


def test_nearly_every_operator_has_a_file_and_none_a_helper() -> None:
    known, catalogue = read_locations(RELEASE), pinned_catalogue(RELEASE).entries
    assert known.keys() <= {str(name) for name in catalogue}
    assert len(known) > 0.9 * len(catalogue)
    resizing = {name for name, path in known.items() if path.endswith("/Resize.cpp")}
    assert all("resize" in name or "set_" in name for name in resizing), resizing
