from builder.commands.inspecting.unlikeness import find_unlike, learned_dtypes, unlike_target
from builder.vocabulary.dtypes import DEFAULT_DTYPES, QUANTIZED_DTYPES
from builder.vocabulary.plan import Messages, Profile
from builder.vocabulary.targets import Abi, Platform, Target

QUANTIZED = ("CPU", "QuantizedCPU")


def test_what_was_measured_is_like_itself() -> None:
    assert not [*find_unlike(Profile(DEFAULT_DTYPES))]
    assert not [*find_unlike(Profile(DEFAULT_DTYPES | QUANTIZED_DTYPES, QUANTIZED))]
    assert learned_dtypes(Profile(DEFAULT_DTYPES)) == DEFAULT_DTYPES


def test_each_difference_is_told_with_the_side_it_is_on() -> None:
    dtypes = DEFAULT_DTYPES - {"Double"} | {"Half", "BFloat16"}
    more, fewer, full = find_unlike(Profile(dtypes, messages=Messages.FULL))
    assert more.what == "kernels for BFloat16, Half"
    assert more.above > more.below == 0
    assert fewer.what == "no kernels for Double"
    assert fewer.below > fewer.above == 0
    assert full.what == "messages full"
    assert full.above > full.below == 0


def test_another_abi_or_platform_is_told() -> None:
    x86 = Target(Platform.LINUX, Abi.X86)
    (other,) = unlike_target(x86, "linux-x86_64")
    assert other.what == "objects of x86"
    assert other.above > 0.104, "as was seen"
    (elsewhere,) = unlike_target(Target(Platform.ANDROID, Abi.ARM64_V8A, 24), "linux-arm64-v8a")
    assert elsewhere.what == "libraries of android"
    assert not [*unlike_target(x86, "linux-x86")]
