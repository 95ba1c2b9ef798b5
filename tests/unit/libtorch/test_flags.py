import tomllib

import pytest

from builder.foundation.resources import DATA
from builder.libtorch.flags import compile_flags, link_flags, paired
from builder.vocabulary.plan import Messages, Optimisation, Profile, SourceKind


@pytest.mark.parametrize("optimisation", Optimisation)
def test_every_kind_has_flags_for_every_optimisation(optimisation: Optimisation) -> None:
    flags = compile_flags(Profile(frozenset(), optimisation=optimisation))
    assert [it.kind for it in flags.kinds] == list(SourceKind)
    for known in flags.kinds:
        assert any(it.startswith("-O") for it in known.options), known.kind
        assert "-fPIC" in known.options
        assert "-std=c++17" in known.cxx


def test_the_table_has_nothing_that_is_not_used() -> None:
    table = tomllib.loads((DATA / "flags.toml").read_text())
    named = {"definitions", "all", "messages", "warnings", "link"}
    assert table.keys() == named | set(Optimisation)
    assert table["messages"].keys() == set(Messages)
    for optimisation in Optimisation:
        assert table[optimisation].keys() == set(SourceKind)


def test_warnings_are_errors_in_our_sources_and_quiet_in_others() -> None:
    for known in compile_flags(Profile(frozenset())).kinds:
        own = known.kind.ours
        assert ("-Werror" in known.options, "-w" in known.options) == (own, not own)


def test_messages_are_stripped_unless_asked_for() -> None:
    stripped = {
        it: "STRIP_ERROR_MESSAGES" in compile_flags(Profile(frozenset(), messages=it)).definitions
        for it in Messages
    }
    assert stripped == {Messages.SHORT: True, Messages.FULL: False}


def test_libraries_are_linked_as_stores_ask() -> None:
    flags = link_flags()
    assert flags[flags.index("max-page-size=16384") - 1] == "-z"
    assert {"--gc-sections", "--strip-all", "--build-id=sha1"} <= set(flags)


def test_a_flag_and_its_word_are_one_text() -> None:
    words = ("-Os", "-Xclang", "-Oz", "-z", "now", "-mllvm", "-x", "-DA=1")
    assert paired(words) == ("-Os", "-Xclang -Oz", "-z now", "-mllvm -x", "-DA=1")
