import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from builder.foundation.resources import DATA
from builder.report.document import from_json, to_json
from builder.report.render import to_text
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import OperatorCost, Share, SizeReport, SymbolRow, sorted_rows
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report

SCHEMA = json.loads((DATA / "schemas" / "size-report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1
)


@st.composite
def reports(draw: st.DrawFn, texts: st.SearchStrategy[str] = NAMES) -> SizeReport:
    total = draw(st.integers(0, 10**8))
    download = draw(st.integers(0, total))

    def parts(whole: int, least: int = 1) -> list[tuple[str, int]]:
        names = draw(st.lists(texts, min_size=least, max_size=5, unique=True))
        cuts = sorted(draw(st.integers(0, whole)) for _ in names[1:])
        sizes = [stop - start for start, stop in zip([0, *cuts], [*cuts, whole], strict=True)]
        return list(zip(names, sizes, strict=True))

    objects = sorted_rows(parts(total))
    shares = parts(total)
    operators = [name for name, _ in shares[1:]]
    symbols = parts(total)
    number, file = st.integers(0, len(shares) - 1), st.sampled_from([it.name for it in objects])
    return SizeReport(
        target=make_target(draw(st.sampled_from(Platform)), draw(st.sampled_from(Abi))),
        stripped=total,
        download=download,
        sections=sorted_rows(parts(total)),
        downloads=sorted_rows(parts(download)),
        components=sorted_rows(parts(total)),
        objects=objects,
        operators=tuple(OperatorCost(it, ("m",), 1, 2) for it in operators),
        shares=(
            Share((), shares[0][1]),
            *(Share((name,), size) for name, size in shares[1:]),
        ),
        symbols=tuple(
            SymbolRow(draw(texts), draw(file), name, draw(number), size, size)
            for name, size in symbols
        ),
    )


def report() -> SizeReport:
    rows = [("libc++.a(locale.o)", 900_000), ("c10/a.cpp.o", 90_000), ("x.o", 10_000)]
    target = make_target(Platform.ANDROID, Abi.X86)
    return make_report(target, 1_000_000, 400_000, rows=rows, operators={"aten::add": 5000})


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@given(reports(PRINTABLE))
def test_json_is_read_back_and_keeps_the_schema(original: SizeReport) -> None:
    text = to_json(original)
    VALIDATOR.validate(json.loads(text))
    assert from_json(text) == original
    assert to_json(from_json(text)) == text


@given(reports())
def test_any_report_can_be_shown(original: SizeReport) -> None:
    assert f"{original.stripped:,} bytes" in to_text(original)


def broken(**changes: Any) -> str:
    return json.dumps({**json.loads(to_json(report())), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a size report"),
        ("[]", "not a size report"),
        ("{}", "has version None, this program reads 2"),
        ("[" * 100_000, "not a size report"),
        (broken(version=1), "has version 1, this program reads 2"),
        (json.dumps({"schema_version": 1}), "has version 1, this program reads 2"),
        (broken(schema_version=1), "missing or unknown: schema_version"),
        (broken(extra=1), "missing or unknown: extra"),
        (broken(stripped="1000000"), "expected a number of bytes"),
        (broken(stripped=True), "expected a number of bytes"),
        (broken(download=-1), "expected a number of bytes"),
        (broken(stripped=10**400), "expected a number of bytes"),
        (broken(download=2**53 + 1), "expected a number of bytes"),
        (broken(sections=[{"name": "\ud800", "size": 1}]), "a name that can be printed"),
        (broken(sections=[{"name": "\x1b]0;x\x07", "size": 1}]), r"not '\\x1b\]0;x\\x07'"),
        (
            broken(operators=[{"name": "a", "models": ["\x1b[2J"], "alone": 1, "shared": 1}]),
            "a name that can be printed",
        ),
        (broken(made=[{"name": "source", "value": "\x9b2J"}]), "a name that can be printed"),
        (broken(made=[{"name": "a\nb", "value": ""}]), "a name that can be printed"),
        (broken(**{"\x1b[2J": 1}), r"unknown: '\\x1b\[2J'"),
        (broken(sections={}), "expected a list of rows"),
        (broken(sections=[1]), "expected an object"),
        (broken(sections=[{"name": 1, "size": 1}]), "expected a name"),
        (broken(sections=[{"name": "a"}]), "missing or unknown: size"),
        (broken(components=[{"name": "a", "size": 1}]), "components do not sum to the stripped"),
        (broken(downloads=[{"name": "a", "size": 1}]), "downloads do not sum"),
        (broken(shares=[{"operators": [1], "size": 1_000_000}]), "out of range"),
        (broken(symbols=[[".text", 3, "f", 0, 1_000_000, 0]]), "out of range"),
        (broken(symbols=[[".text", 0, "f", 2, 1_000_000, 0]]), "there is no share 2"),
        (broken(symbols=[[".text", 0, "f", 0]]), "expected 6 fields of a symbol, not 4"),
        (broken(target={"platform": "amiga", "abi": "x86", "api_level": None}), "amiga"),
    ],
)
def test_other_json_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        from_json(text)
    assert caught.value.hint
