import pytest

from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import (
    ANDROID_API,
    GLIBC,
    Abi,
    Platform,
    Target,
    facts,
    make_target,
    parse_abi,
    parse_abis,
)


@pytest.mark.parametrize("abi", Abi)
def test_every_abi_has_consistent_facts(abi: Abi) -> None:
    known = facts(abi)
    assert known.abi is abi
    assert known.bits == (64 if "64" in abi else 32)
    assert known.zig_target == f"{known.linux_triple}.{GLIBC}"
    assert known.emulator.startswith("qemu-")
    assert parse_abi(str(abi)) is abi


@pytest.mark.parametrize("field", ["elf_machine", "linux_triple", "android_triple", "emulator"])
def test_no_two_abis_share_a_name(field: str) -> None:
    assert len({getattr(facts(abi), field) for abi in Abi}) == len(Abi)


def test_lists_repeats_and_spaces() -> None:
    assert parse_abis(["x86_64, arm64-v8a", "x86_64"]) == (Abi.X86_64, Abi.ARM64_V8A)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("arm64", "arm64-v8a"), ("aarch64", "arm64-v8a"), ("AMD64", "x86_64"), ("i686", "x86"),
     ("armv7", "armeabi-v7a"), ("ARM64-V8A", "arm64-v8a")],
)  # fmt: skip
def test_names_of_other_worlds_lead_to_the_abi(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown ABI '{typed}' \(did you mean {meant}"):
        parse_abi(typed)


def test_all_unknown_abis_are_reported_together() -> None:
    with pytest.raises(UsageError) as caught:
        parse_abis(["mips,x86", "riscv64", ""])
    assert "'mips', 'riscv64', ''" in caught.value.message
    assert "arm64-v8a, armeabi-v7a, x86_64, x86" in caught.value.hint


def test_only_android_has_an_api_level() -> None:
    assert make_target(Platform.ANDROID, Abi.X86).api_level == ANDROID_API
    assert make_target(Platform.LINUX, Abi.X86).api_level is None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target(Platform.ANDROID, Abi.ARM64_V8A, 24), "android24-arm64-v8a"),
        (Target(Platform.LINUX, Abi.X86), "linux-x86"),
    ],
)
def test_a_target_names_a_directory(target: Target, text: str) -> None:
    assert str(target) == text
