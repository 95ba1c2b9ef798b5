from fnmatch import fnmatch

import pytest

from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import (
    ANDROID_API,
    STORE_PAGE,
    Abi,
    Platform,
    Target,
    abi_facts,
    make_target,
    parse_abi,
    parse_abis,
    parse_android_api,
    platform_facts,
    target_facts,
    twin_of,
)

TARGETS = [make_target(platform, abi) for platform in Platform for abi in Abi]


@pytest.mark.parametrize("abi", Abi)
def test_every_abi_has_consistent_facts(abi: Abi) -> None:
    known = abi_facts(abi)
    assert known.abi is abi
    assert known.bits == (64 if "64" in abi else 32)
    assert parse_abi(str(abi)) is abi


@pytest.mark.parametrize("platform", Platform)
def test_every_platform_says_how_it_is_built_packed_and_run(platform: Platform) -> None:
    known = platform_facts(platform)
    assert known.platform is platform
    assert any(
        fnmatch("libc.so" if "libc.so" in known.needed else "libc.so.6", it) for it in known.needed
    )
    # a platform whose programs may run here needs to know how, for every ABI
    for abi in Abi:
        facts = target_facts(make_target(platform, abi))
        assert bool(facts.emulator and facts.sysroot) == (not known.never_here)
        assert bool(facts.loader) == bool(facts.native_on)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_64_bit_libraries_have_the_pages_that_stores_ask_for(target: Target) -> None:
    needed = STORE_PAGE if abi_facts(target.abi).bits == 64 else 0x1000
    assert target_facts(target).page_size == needed


def test_no_two_abis_share_a_name() -> None:
    assert len({abi_facts(abi).elf_machine for abi in Abi}) == len(Abi)
    assert len({target_facts(target).triple for target in TARGETS}) == len(TARGETS)


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


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_twin_runs_here(target: Target) -> None:
    """Whoever has no program here has a twin that may have one."""
    facts = platform_facts(target.platform)
    twin = twin_of(target)
    assert bool(facts.never_here) is (twin is not None)
    if twin is not None:
        assert twin.abi is target.abi
        assert not platform_facts(twin.platform).never_here


@pytest.mark.parametrize("text", ["21", "24", "35"])
def test_a_level_is_a_number(text: str) -> None:
    assert parse_android_api(text) == int(text)


@pytest.mark.parametrize("text", ["", "20", "19", "100", "-24", "24.0", "N", "²4", "0" * 5000])
def test_a_level_that_cannot_be_built_for_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no API level that can be built for"):
        parse_android_api(text)
