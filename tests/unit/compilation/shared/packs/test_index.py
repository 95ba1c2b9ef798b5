import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.compilation.shared.packs.index import (
    Index,
    Made,
    PackedObject,
    PackedStore,
    differences,
    made_of,
    parse_index,
)
from builder.vocabulary.errors import UsageError
from tests.golden.tiny import make_plan

MADE = Made("linux-x86_64", "PyTorch 2.6.0 (abc)", "zig 1 (clang 22)", ("Float",), ("CPU",))
OUTPUT = "CMakeFiles/c10.dir/tree/pytorch/c10/a.cpp.o"
PACKED = PackedObject(OUTPUT, "a" * 64, 10, "tools/cxx -c a.cpp", {"include/a.h": "b" * 64})
INDEX = Index("0.1.0", (PackedStore("linux-x86_64-abc", MADE, (PACKED,)),))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.text(max_size=5), it, max_size=3),
    max_leaves=5,
)


def forged(**changes: Any) -> str:
    """Return the index with other values for its one object."""
    document = json.loads(INDEX.to_json())
    document["stores"][0]["objects"][0] |= changes
    return json.dumps(document)


def test_what_is_written_is_read() -> None:
    assert parse_index(INDEX.to_json(), "a.pack") == INDEX


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../a.o", "a/../../b.o", "a//b.o", "./a.o", "", "a\0b", "a\nb", "a/./b",
        "C:\\a", "a/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["output", "inputs"])
def test_a_path_that_leads_elsewhere_is_refused(path: str, field: str) -> None:
    value = path if field == "output" else {path: "b" * 64}
    with pytest.raises(UsageError, match="leads elsewhere"):
        parse_index(forged(**{field: value}), "a.pack")


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "a" * 63}, {"sha256": None}, {"bytes": 0}, {"bytes": -1}, {"bytes": True},
        {"bytes": 1 << 40}, {"bytes": "10"}, {"command": 1}, {"inputs": []}, {"inputs": {"a": 1}},
    ],
)  # fmt: skip
def test_what_no_object_has_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"a\.pack is no pack of objects"):
        parse_index(forged(**changes), "a.pack")


@given(JSON)
def test_any_document_is_read_or_refused(document: object) -> None:
    with pytest.raises(UsageError):
        parse_index(json.dumps(document), "a.pack")


@given(JSON)
def test_any_value_of_an_object_is_read_or_refused(value: object) -> None:
    for field in ("output", "sha256", "bytes", "inputs"):
        try:
            parse_index(forged(**{field: value}), "a.pack")
        except UsageError:
            continue


@pytest.mark.parametrize("text", ["\ud800", "\x1b[2J", "a\nb", "\u202e"])
@pytest.mark.parametrize("field", ["target", "source", "compiler", "dtypes", "tool", "command"])
def test_what_a_terminal_cannot_show_is_refused(field: str, text: str) -> None:
    document = json.loads(INDEX.to_json())
    (store,) = document["stores"]
    (packed,) = store["objects"]
    place = next(it for it in (document, store["made"], packed) if field in it)
    place[field] = [text] if field == "dtypes" else text
    with pytest.raises(UsageError, match="has characters that none has"):
        parse_index(json.dumps(document), "a.pack")


@pytest.mark.parametrize("path", ["a" * 201, "b/" + "a" * 201 + "/c", "/".join(["a" * 100] * 11)])
def test_a_path_that_file_systems_have_no_room_for_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="a path that is too long"):
        parse_index(forged(output=path), "a.pack")


@pytest.mark.parametrize(
    "outputs", [("a", "a/b"), ("a/b/c", "a"), ("index.json",), ("index.json/x",), ("INDEX.json/x",)]
)
def test_an_object_in_the_way_of_another_file_is_refused(outputs: tuple[str, ...]) -> None:
    document = json.loads(INDEX.to_json())
    (store,) = document["stores"]
    store["objects"] = [store["objects"][0] | {"output": it} for it in outputs]
    with pytest.raises(UsageError, match="where another file has to be"):
        parse_index(json.dumps(document), "a.pack")


@pytest.mark.parametrize("part", ["{},", "[],", "0,", "[["])
def test_an_index_of_too_many_values_is_not_read(part: str) -> None:
    with pytest.raises(UsageError, match="its index is too large"):
        parse_index('{"stores": [' + part * 1_000_001, "a.pack")


def test_many_stores_and_many_objects_are_refused() -> None:
    document = json.loads(INDEX.to_json())
    (store,) = document["stores"]
    document["stores"] = [store | {"name": f"s{number}", "objects": []} for number in range(65)]
    with pytest.raises(UsageError, match="too many stores"):
        parse_index(json.dumps(document), "a.pack")
    packed = store["objects"][0] | {"inputs": {}}
    many = [packed | {"output": str(number)} for number in range(25_001)]
    document["stores"] = [store | {"name": name, "objects": many} for name in ("a", "b")]
    with pytest.raises(UsageError, match="too many objects"):
        parse_index(json.dumps(document), "a.pack")


def test_an_index_of_a_later_version_says_so() -> None:
    text = INDEX.to_json().replace('"version": 1', '"version": 2')
    with pytest.raises(UsageError, match="of version 2, and this tool reads 1"):
        parse_index(text, "a.pack")


def test_names_stand_once() -> None:
    document = json.loads(INDEX.to_json())
    document["stores"][0]["objects"] *= 2
    with pytest.raises(UsageError, match="names an object twice"):
        parse_index(json.dumps(document), "a.pack")
    document = json.loads(INDEX.to_json())
    document["stores"] *= 2
    with pytest.raises(UsageError, match="names a store twice"):
        parse_index(json.dumps(document), "a.pack")


def test_what_differs_is_told() -> None:
    assert differences(INDEX, {"linux-x86_64-abc": MADE}) == ()
    other = Made("linux-x86_64", "PyTorch 2.6.0 (abc)", "zig 2 (clang 23)", (), ("CPU",))
    assert differences(INDEX, {"linux-x86_64-def": other}) == (
        "compiler: zig 1 (clang 22), here zig 2 (clang 23)",
        "dtypes: Float, here any",
    )
    assert differences(INDEX, {"linux-x86_64-def": MADE}) == ("flags, or code that is generated",)
    assert differences(Index("0.1.0", ()), {"x": MADE})[0] == "target: none, here linux-x86_64"


def test_a_store_tells_what_it_is_made_of() -> None:
    objects = make_plan().objects
    made = made_of(objects.for_any_dtypes())
    assert made.dtypes == ()
    assert made.target == str(objects.toolchain.target)
    assert objects.source.version in made.source
