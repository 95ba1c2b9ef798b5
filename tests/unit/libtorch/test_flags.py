import tomllib

import pytest

from builder.foundation.resources import DATA
from builder.libtorch.flags import compile_flags, extension_flags, link_flags, paired
from builder.vocabulary.plan import Messages, Optimisation, Profile, SourceKind
from builder.vocabulary.targets import Abi, Platform, make_target


@pytest.mark.parametrize("optimisation", Optimisation)
def test_every_kind_has_flags_for_every_optimisation(optimisation: Optimisation) -> None:
    flags = compile_flags(Profile(frozenset(), optimisation=optimisation), Platform.LINUX)
    assert [it.kind for it in flags.kinds] == list(SourceKind)
    for known in flags.kinds:
        assert any(it.startswith("-O") for it in known.options), known.kind
        assert "-fPIC" in known.options
        assert "-std=c++17" in known.cxx


def test_the_table_has_nothing_that_is_not_used() -> None:
    table = tomllib.loads((DATA / "flags.toml").read_text())
    named = {"definitions", "all", "messages", "warnings", "link", "abi", "platform"}
    assert table.keys() == named | set(Optimisation)
    assert table["messages"].keys() == set(Messages)
    for optimisation in Optimisation:
        assert table[optimisation].keys() == set(SourceKind)
    assert table["abi"].keys() <= set(Abi)
    assert {key for rows in table["abi"].values() for key in rows} == {"link"}
    for platform, rows in table["platform"].items():
        assert platform in set(Platform)
        assert rows.keys() <= {"without", "options", "link", "levels"}
        levels = rows.get("levels", [])
        assert {key for row in levels for key in row} <= {"from", "below", "link"}


def test_warnings_are_errors_in_our_sources_and_quiet_in_others() -> None:
    for known in compile_flags(Profile(frozenset()), Platform.LINUX).kinds:
        own = known.kind.ours
        assert ("-Werror" in known.options, "-w" in known.options) == (own, not own)


def test_messages_are_stripped_unless_asked_for() -> None:
    stripped = {
        it: "STRIP_ERROR_MESSAGES"
        in compile_flags(Profile(frozenset(), messages=it), Platform.LINUX).definitions
        for it in Messages
    }
    assert stripped == {Messages.SHORT: True, Messages.FULL: False}


def test_libraries_are_linked_as_stores_ask() -> None:
    flags = link_flags(make_target(Platform.LINUX, Abi.X86_64))
    assert flags[flags.index("max-page-size=16384") - 1] == "-z"
    assert {"--gc-sections", "--strip-all", "--build-id=sha1"} <= set(flags)
    assert "-z nodelete" in paired(flags), "what closes it may go on, and end"


def test_functions_are_folded_and_a_lost_table_of_those_that_must_not_be_fails() -> None:
    for platform in Platform:
        flags = link_flags(make_target(platform, Abi.X86_64))
        assert "--icf=safe" in flags
        # the libraries of an NDK may have lost theirs, and nothing of them is folded then
        assert ("--fatal-warnings" in flags) is (platform is Platform.LINUX)


def test_functions_are_not_folded_where_the_linker_does_not_see_what_they_catch() -> None:
    for target in (make_target(platform, abi) for platform in Platform for abi in Abi):
        last = [it for it in link_flags(target) if it.startswith("--icf=")][-1]
        assert last == ("--icf=none" if target.abi is Abi.ARMEABI_V7A else "--icf=safe")


def test_a_library_of_linux_relocates_itself() -> None:
    flags = link_flags(make_target(Platform.LINUX, Abi.X86_64))
    packed = {"--pack-dyn-relocs=relr", "--use-android-relr-tags", "-init=br_relocate"}
    assert packed <= set(flags)
    assert "-init=br_relocate" not in link_flags(make_target(Platform.ANDROID, Abi.X86_64))


def test_a_flag_and_its_word_are_one_text() -> None:
    words = ("-Os", "-Xclang", "-Oz", "-z", "now", "-mllvm", "-x", "-DA=1")
    assert paired(words) == ("-Os", "-Xclang -Oz", "-z now", "-mllvm -x", "-DA=1")


def test_what_bionic_lacks_is_not_promised_to_upstream() -> None:
    profile = Profile(frozenset())
    linux, android = (
        set(compile_flags(profile, it).definitions) for it in (Platform.LINUX, Platform.ANDROID)
    )
    assert linux - android == {"HAVE_SHM_OPEN=1", "HAVE_SHM_UNLINK=1"}
    assert android < linux


@pytest.mark.parametrize("platform", Platform)
def test_operators_of_the_user_are_compiled_for_the_platform(platform: Platform) -> None:
    profile = Profile(frozenset())
    (kernel,) = (
        it for it in compile_flags(profile, platform).kinds if it.kind is SourceKind.KERNEL
    )
    ours = {it for it in (*kernel.options, *kernel.cxx) if it != "-w"}
    assert ours <= set(extension_flags(profile, platform))


@pytest.mark.parametrize(
    ("level", "hash_style", "relocations", "code_apart"),
    [
        (21, "both", [], False),
        (23, "gnu", ["--pack-dyn-relocs=android"], False),
        (27, "gnu", ["--pack-dyn-relocs=android"], False),
        (28, "gnu", ["--pack-dyn-relocs=android+relr", "--use-android-relr-tags"], False),
        (30, "gnu", ["--pack-dyn-relocs=relr"], True),
        (35, "gnu", ["--pack-dyn-relocs=relr"], True),
    ],
)
def test_the_linker_of_each_android_gets_what_it_understands(
    level: int, hash_style: str, relocations: list[str], *, code_apart: bool
) -> None:
    flags = link_flags(make_target(Platform.ANDROID, Abi.ARM64_V8A, level))
    styles = [it for it in flags if it.startswith("--hash-style=")]
    assert styles[-1] == f"--hash-style={hash_style}", "the last one counts"
    assert [it for it in flags if it.endswith("relr-tags") or "-dyn-relocs" in it] == relocations
    assert ("--no-rosegment" in flags) is not code_apart
    assert flags[flags.index("max-page-size=16384") - 1] == "-z"
