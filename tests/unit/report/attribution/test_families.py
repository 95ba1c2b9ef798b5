import pytest

from builder.report.attribution.families import family


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("at::add(at::Tensor const&)", "at::add"),
        (
            "void c10::function_ref<void (char**)>::callback_fn<at::f()::{lambda(int)#1}>(long)",
            "c10::function_ref::callback_fn",
        ),
        ("std::__1::vector<int, std::allocator<int>>::~vector()", "std::__1::vector::~vector"),
        ("at::(anonymous namespace)::sum(long) const", "at::(anonymous namespace)::sum"),
        ("torch::f(int)::$_0::operator()(long) const", "torch::f::$_0::operator()"),
        ("bool std::operator< <int>(int, int)", "std::operator<"),
        ("c10::operator<<(std::ostream&, int)", "c10::operator<<"),
        ("vtable for c10::TensorType", "vtable for c10::TensorType"),
        ("c10::Scalar::operator bool() const", "c10::Scalar::operator bool"),
        ("xnn_f32_gemm", "xnn_f32_gemm"),
        ("<unnamed>", "<unnamed>"),
        ("x" * 500, "x" * 160),
    ],
)
def test_instances_of_one_template_have_one_name(symbol: str, name: str) -> None:
    assert family(symbol) == name
