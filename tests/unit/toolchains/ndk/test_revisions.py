import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.toolchains.ndk.revisions import (
    Revision,
    is_revision,
    names_revision,
    parse_properties,
    parse_revision,
)

numbers = st.integers(0, 9999)
revisions = st.builds(
    Revision, numbers, st.integers(0, 25), numbers, st.sampled_from(["", "-beta1", "-rc2"])
)


@given(revisions)
def test_what_is_printed_is_read(revision: Revision) -> None:
    assert parse_revision(str(revision)) == revision


@given(revisions, revisions)
def test_a_word_names_a_revision_as_far_as_it_goes(one: Revision, other: Revision) -> None:
    words = (f"{one.major}", f"r{one.major}", f"{one.major}.{one.minor}", one.release, str(one))
    assert all(is_revision(one, word) for word in words)
    assert all(names_revision(word) for word in words)
    assert is_revision(other, str(one)) == (one == other)
    if (one.major, one.minor) != (other.major, other.minor):
        assert not is_revision(other, f"{one.major}.{one.minor}")


@pytest.mark.parametrize(
    ("text", "release"),
    [("24.0.8215888", "r24"), ("26.1.10909125", "r26b"), ("23.2.8568313-beta2", "r23c")],
)
def test_people_call_it_by_a_letter(text: str, release: str) -> None:
    revision = parse_revision(text)
    assert revision is not None
    assert revision.release == release


@pytest.mark.parametrize("text", ["", "24", "r24", "24.0", "a.b.c", "24.0.1 ", "1.2.3-", "9" * 99])
def test_anything_else_is_no_revision(text: str) -> None:
    assert parse_revision(text) is None


@pytest.mark.parametrize("text", ["/opt/ndk", "./26", "~/ndk", "ndk-r26b", "26/", "r26bb", ""])
def test_a_path_is_no_revision(text: str) -> None:
    assert not names_revision(text)


def test_a_preview_is_older_than_its_release() -> None:
    names = ["26.1.3", "27.0.1-beta1", "26.1.3-rc1", "27.0.1", "26.0.9"]
    known = [it for it in map(parse_revision, names) if it is not None]
    ordered = [str(it) for it in sorted(known, key=lambda it: it.age)]
    assert ordered == ["26.0.9", "26.1.3-rc1", "26.1.3", "27.0.1-beta1", "27.0.1"]


def test_properties_are_lines_with_a_name() -> None:
    text = "# made by\nPkg.Desc = Android NDK\n\n  Pkg.Revision=1.2.3\r\nodd line\n"
    assert parse_properties(text) == {"Pkg.Desc": "Android NDK", "Pkg.Revision": "1.2.3"}
