import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.foundation.coordinates import (
    Coordinates,
    drop_in,
    parse_artifact,
    parse_group,
    parse_version,
    version_order,
)
from builder.vocabulary.errors import UsageError

WORDS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,6}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,5}(-[a-z]{1,4}[0-9]?)?", fullmatch=True)


@pytest.mark.parametrize("text", ["com.example", "local.build-runtime", "a", "org.pytorch_2"])
def test_a_group_is_words_with_dots_between(text: str) -> None:
    assert parse_group(text) == text


@pytest.mark.parametrize(
    "text", ["com/example", "", ".com", "com.", "a..b", "a b", "a:b", "../x", "-a", "a" * 101, "ä"]
)
def test_what_is_no_group_is_refused_and_an_example_given(text: str) -> None:
    with pytest.raises(UsageError, match="is no Maven group") as caught:
        parse_group(text)
    assert "com.example.models" in caught.value.hint
    with pytest.raises(UsageError, match="is no Maven artifact"):
        parse_artifact(text)


@pytest.mark.parametrize("text", ["1", "1.2.0", "2.1.0-rc1", "1.0+build-5", "20261126.1"])
def test_a_version_begins_with_numbers(text: str) -> None:
    assert parse_version(text) == text


@pytest.mark.parametrize(
    "text", ["", "one", "v1.0", "1.", "1..2", "1/2", "1 0", "latest", "[1,2)", "1.0\n"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no version"):
        parse_version(text)


def test_a_snapshot_is_refused_with_the_release_it_would_be() -> None:
    with pytest.raises(UsageError, match="is a snapshot") as caught:
        parse_version("1.2.0-snapshot")
    assert caught.value.hint.endswith(": 1.2.0")


@given(version=VERSIONS)
def test_prefab_gets_up_to_four_numbers(version: str) -> None:
    numeric = Coordinates("g", "a", parse_version(version)).numeric_version
    assert re.fullmatch(r"[0-9]+(\.[0-9]+){0,3}", numeric)
    assert version.startswith(numeric)


@given(group=st.lists(WORDS, min_size=1, max_size=4).map(".".join), artifact=WORDS)
def test_the_namespace_is_a_java_package(group: str, artifact: str) -> None:
    namespace = Coordinates(parse_group(group), parse_artifact(artifact), "1").namespace
    assert re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+", namespace)


def test_versions_are_sorted_as_maven_does() -> None:
    right = ["0.9", "0.10", "1.0-alpha1", "1.0-rc1", "1.0-rc2", "1.0", "1.0.1", "1.10", "2"]
    assert sorted([right[-1], *right[:-1]], key=version_order) == right


@given(version=VERSIONS)
def test_candidates_come_before_a_release_and_later_ones_after_it(version: str) -> None:
    plain = version.partition("-")[0]
    found = [version_order(it) for it in (f"{plain}-rc1", plain, f"{plain}.1")]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


USUAL = Coordinates("local", "lite", "0.1.0")


@pytest.mark.parametrize(
    ("version", "chosen"), [("0.1.0", "2.6.0"), ("2.1.1", "2.1.1"), ("3.0-rc1", "3.0-rc1")]
)
def test_a_drop_in_is_a_later_version_of_what_it_replaces(version: str, chosen: str) -> None:
    its = drop_in(Coordinates("local", "lite", version), USUAL, "2.6.0")
    assert str(its) == f"org.pytorch:pytorch_android_lite:{chosen}"


@pytest.mark.parametrize("version", ["2.1.0", "1.13.1", "2.1.0-rc1"])
def test_what_gradle_would_not_take_is_no_drop_in(version: str) -> None:
    with pytest.raises(UsageError, match=r"Gradle would take PyTorch's 2\.1\.0") as caught:
        drop_in(Coordinates("local", "lite", version), USUAL, "2.6.0")
    assert "such as 2.6.0" in caught.value.hint


@pytest.mark.parametrize("given", [("com.example", "lite"), ("local", "mine")])
def test_a_drop_in_has_no_coordinates_of_its_own(given: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        drop_in(Coordinates(*given, "9.0"), USUAL, "2.6.0")
