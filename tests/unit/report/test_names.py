import pytest

from builder.report.names import component_of, object_name

ROOTS = (
    ("/home/ann/cache/pytorch", "pytorch"),
    ("/home/ann/cache/pytorch/third_party/xnnpack/", "xnnpack"),
    ("/opt/build-runtime/native", "native"),
    ("/home/ann/store", ""),
)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/home/ann/cache/pytorch/c10/core/X.cpp.o", "pytorch/c10/core/X.cpp.o"),
        ("/home/ann/cache/pytorch/third_party/xnnpack/src/a.c.o", "xnnpack/src/a.c.o"),
        ("/home/ann/cache/pytorch2/c10/X.cpp.o", "X.cpp.o"),
        ("/home/ann/store/gen/ATen/RegisterCPU.cpp.o", "gen/ATen/RegisterCPU.cpp.o"),
        (
            "/home/ann/store/CMakeFiles/c10.dir/home/ann/cache/pytorch/c10/X.cpp.o",
            "pytorch/c10/X.cpp.o",
        ),
        (
            "CMakeFiles/native.dir/opt/build-runtime/native/src/api/value.cpp.o",
            "native/src/api/value.cpp.o",
        ),
        ("/home/ann/store/CMakeFiles/roots.dir/operators.cpp.o", "operators.cpp.o"),
        ("CMakeFiles/x.dir/home/bob/secret/y.cpp.o", "y.cpp.o"),
        ("../../bob/y.cpp.o", "y.cpp.o"),
        ("objects/y.cpp.o", "objects/y.cpp.o"),
        ("/tmp/o/12/libc++.a(zig/o/34/string.o)", "libc++.a(string.o)"),
        ("/home/ann/cache/pytorch/libx.a(/abs/y.o)", "libx.a(y.o)"),
    ],
)
def test_objects_are_named_without_this_machine(file: str, name: str) -> None:
    assert object_name(file, ".text", ROOTS) == name


def test_what_the_linker_made_is_named_by_its_section() -> None:
    assert object_name("<internal>", ".dynstr", ROOTS) == "linker:.dynstr"


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("pytorch/aten/src/ATen/native/Convolution.cpp.o", "ATen kernels"),
        ("pytorch/aten/src/ATen/native/cpu/CatKernel.cpp.o", "ATen kernels"),
        ("generated/ATen/UfuncCPUKernel_add.cpp.o", "ATen kernels"),
        ("pytorch/aten/src/ATen/native/mkl/SpectralOps.cpp.o", "FFT (pocketfft)"),
        ("pytorch/aten/src/ATen/native/SpectralOps.cpp.o", "ATen kernels"),
        ("pytorch/aten/src/ATen/native/xnnpack/Linear.cpp.o", "XNNPACK"),
        ("pytorch/aten/src/ATen/native/quantized/cpu/qnnpack/src/conv.c.o", "QNNPACK"),
        ("pytorch/aten/src/ATen/Context.cpp.o", "ATen core"),
        ("pytorch/aten/src/ATen/core/ivalue.cpp.o", "ATen core"),
        ("pytorch/aten/src/ATen/core/dispatch/Dispatcher.cpp.o", "dispatcher"),
        ("generated/ATen/RegisterCPU.cpp.o", "operator registration"),
        ("RegisterSchema.cpp.o", "operator registration"),
        ("generated/ATen/Operators_2.cpp.o", "operator registration"),
        ("pytorch/torch/csrc/jit/mobile/promoted_prim_ops.cpp.o", "prim operators"),
        ("pytorch/torch/csrc/jit/runtime/register_prim_ops.cpp.o", "prim operators"),
        ("pytorch/torch/csrc/jit/mobile/interpreter.cpp.o", "lite interpreter"),
        ("pytorch/torch/csrc/jit/mobile/flatbuffer_loader.cpp.o", "flatbuffer loader"),
        ("pytorch/torch/csrc/jit/frontend/function_schema_parser.cpp.o", "schema parser"),
        ("pytorch/torch/csrc/jit/serialization/unpickler.cpp.o", "unpickler"),
        ("pytorch/torch/csrc/autograd/variable.cpp.o", "autograd"),
        ("pytorch/torch/csrc/jit/runtime/operator.cpp.o", "TorchScript runtime"),
        ("pytorch/caffe2/serialize/inline_container.cc.o", "zip reader (miniz)"),
        ("pytorch/third_party/miniz-3.0.2/miniz.c.o", "zip reader (miniz)"),
        ("pytorch/caffe2/utils/threadpool/pthreadpool-cpp.cc.o", "pthreadpool"),
        ("pthreadpool/src/portable-api.c.o", "pthreadpool"),
        ("cpuinfo/src/init.c.o", "cpuinfo"),
        ("pytorch/c10/core/TensorImpl.cpp.o", "c10"),
        ("c10/core/TensorImpl.cpp.o", "c10"),
        ("native/src/api/value.cpp.o", "our C API"),
        ("manifest.cpp.o", "our C API"),
        ("registration.cpp.o", "operator registration"),
        ("libc++.a(locale.o)", "libc++"),
        ("libc++abi.a(cxa_demangle.o)", "libc++abi"),
        ("libunwind.a(libunwind.o)", "libunwind"),
        ("libcompiler_rt.a(compiler_rt.o)", "compiler-rt"),
        ("libc_nonshared.a(atexit.o)", "C library"),
        ("linker:.rodata.str1.1", "string literals"),
        ("linker:.text.thunk", "dynamic linking"),
        ("linker:padding", "padding and headers"),
        ("whatever.o", "everything else"),
    ],
)
def test_components_of_code(name: str, component: str) -> None:
    assert component_of(".text", name) == component


@pytest.mark.parametrize(
    ("section", "component"),
    [
        (".gcc_except_table", "exception tables"),
        (".eh_frame", "unwind tables"),
        (".eh_frame_hdr", "unwind tables"),
        (".ARM.exidx", "unwind tables"),
        (".ARM.extab", "exception tables"),
        (".rela.dyn", "dynamic linking"),
        (".rel.plt", "dynamic linking"),
        (".relr.dyn", "dynamic linking"),
        (".got.plt", "dynamic linking"),
        (".gnu.version_r", "dynamic linking"),
        (".note.gnu.build-id", "padding and headers"),
        (".symtab", "debug information"),
    ],
)
def test_tables_that_nobody_causes_are_components_of_their_own(
    section: str, component: str
) -> None:
    assert component_of(section, f"linker:{section}") == component


@pytest.mark.parametrize("section", [".gcc_except_table", ".eh_frame", ".rela.dyn", ".text"])
def test_tables_that_a_file_causes_are_of_its_component(section: str) -> None:
    assert component_of(section, "c10/core/TensorImpl.cpp.o") == "c10"
