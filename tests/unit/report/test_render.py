import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from builder.foundation.resources import DATA
from builder.report.render import from_json, to_json, to_text
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import SizeReport, sorted_rows
from builder.vocabulary.targets import Abi, Platform, make_target

SCHEMA = json.loads((DATA / "schemas" / "size-report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@st.composite
def reports(draw: st.DrawFn) -> SizeReport:
    total = draw(st.integers(0, 10**8))

    def table() -> Any:
        names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
        cuts = sorted(draw(st.integers(0, total)) for _ in names[1:])
        sizes = [stop - start for start, stop in zip([0, *cuts], [*cuts, total], strict=True)]
        return sorted_rows(zip(names, sizes, strict=True))

    return SizeReport(
        target=make_target(draw(st.sampled_from(Platform)), draw(st.sampled_from(Abi))),
        stripped=total,
        download=draw(st.integers(0, total)),
        sections=table(),
        components=table(),
        objects=table(),
    )


def report() -> SizeReport:
    rows = sorted_rows([("libc++.a(locale.o)", 900_000), ("c10/a.cpp.o", 90_000), ("x.o", 10_000)])
    return SizeReport(
        make_target(Platform.ANDROID, Abi.X86), 1_000_000, 400_000, rows, rows[:0] + rows, rows
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@given(reports())
def test_json_is_read_back_and_keeps_the_schema(original: SizeReport) -> None:
    text = to_json(original)
    VALIDATOR.validate(json.loads(text))
    assert from_json(text) == original
    assert to_json(from_json(text)) == text


@given(reports())
def test_any_report_can_be_shown(original: SizeReport) -> None:
    assert f"{original.stripped:,} bytes" in to_text(original)


def test_text_shows_sizes_shares_and_what_is_left_out() -> None:
    text = to_text(report(), top=1)
    assert text.splitlines()[:5] == [
        "Size of the runtime for android24-x86",
        "",
        "  stripped      1,000,000 bytes",
        "  download~       400,000 bytes   (estimate: the file deflated)",
        "",
    ]
    components = text[text.index("components") :].splitlines()
    assert components[1].split() == ["libc++.a(locale.o)", "900,000", "90.0%"]
    assert components[2].split() == ["(2", "more)", "100,000", "10.0%"]


def test_long_names_keep_their_end() -> None:
    rows = sorted_rows([("pytorch/" + "deep/" * 20 + "file.cpp.o", 10)])
    text = to_text(SizeReport(make_target(Platform.LINUX, Abi.X86), 10, 5, rows, rows, rows))
    (line, *_) = (line for line in text.splitlines() if "file.cpp.o" in line)
    assert line.startswith("  …")
    assert len(line.split()[0]) == 60


def test_the_former_name_of_the_version_is_read() -> None:
    document = json.loads(to_json(report()))
    former = {"schema_version": document.pop("version"), **document}
    assert from_json(json.dumps(former)) == report()


def broken(**changes: Any) -> str:
    return json.dumps({**json.loads(to_json(report())), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a size report"),
        ("[]", "not a size report"),
        ("{}", "not a size report"),
        ("[" * 100_000, "not a size report"),
        (broken(version=2), "has version 2, this program reads 1"),
        (broken(schema_version=1), "missing or unknown: schema_version"),
        (broken(extra=1), "missing or unknown: extra"),
        (broken(stripped="1000000"), "expected a number of bytes"),
        (broken(stripped=True), "expected a number of bytes"),
        (broken(download=-1), "expected a number of bytes"),
        (broken(sections={}), "expected a list of rows"),
        (broken(sections=[1]), "expected an object"),
        (broken(sections=[{"name": 1, "size": 1}]), "expected a name"),
        (broken(sections=[{"name": "a"}]), "missing or unknown: size"),
        (broken(objects=[{"name": "a", "size": 1}]), "objects do not sum to the stripped size"),
        (broken(target={"platform": "amiga", "abi": "x86", "api_level": None}), "amiga"),
    ],
)
def test_other_json_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        from_json(text)
    assert caught.value.hint
