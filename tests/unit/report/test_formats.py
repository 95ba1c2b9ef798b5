import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.report.bloaty import to_csv
from builder.report.budgets import judge
from builder.report.difference import compare
from builder.report.formats import FORMATS, Told
from builder.report.markdown import LONGEST, to_markdown
from builder.report.page import Compared, to_html
from builder.vocabulary.sizes import Budget, Limit, Metric, SizeReport, SymbolRow
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.docs.pages import REFERENCE, table
from tests.documents import validate
from tests.places import ROOT
from tests.sizes import make_report
from tests.unit.report.test_document import reports

X86 = make_target(Platform.LINUX, Abi.X86_64)
ARM = make_target(Platform.LINUX, Abi.ARM64_V8A)
NEW = make_report(
    X86, 2000, 1000, rows=[("c10/a.o", 1500), ("x.o", 500)], operators={"aten::add": 9}
)
OLD = make_report(X86, 1900, 900, rows=[("c10/a.o", 1500), ("y.o", 400)])


def told(*reports: SizeReport, base: SizeReport | None = None) -> Told:
    differences = tuple(compare(it, base) for it in reports if base)
    budgets = [Budget(Metric.INSTALLED, (Limit(1000),))]
    judged = tuple(verdict for it in reports for verdict in judge(it, budgets, None))
    return Told(reports, differences, judged if base else ())


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("base", [None, OLD])
def test_each_format_tells_of_several_libraries(form: str, base: SizeReport | None) -> None:
    text = FORMATS[form](told(NEW, base=base))
    assert "linux-x86_64" in text or form in {"csv", "json"}
    assert text == FORMATS[form](told(NEW, base=base))
    assert text.endswith("\n")


@pytest.mark.parametrize("given_base", [None, OLD])
def test_documents_keep_their_schema(given_base: SizeReport | None) -> None:
    document = told(NEW, base=given_base).document()
    validate("size-report", document)
    assert ("differences" in document) == ("budgets" in document) == (given_base is not None)
    validate("size-report", told(NEW, make_report(ARM, 10, 5)).document())


@given(reports())
def test_csv_has_the_columns_of_bloaty_and_every_byte(report: SizeReport) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([report]))))
    assert list(rows[0]) == ["sections", "compileunits", "symbols", "vmsize", "filesize"]
    assert sum(int(it["filesize"]) for it in rows) == report.stripped


def test_csv_counts_zeroed_bytes_in_memory_alone() -> None:
    zeroed = SymbolRow(".bss", "c10/a.o", "totals", 0, 0, 4096)
    (row,) = csv.DictReader(io.StringIO(to_csv([replace(NEW, symbols=(zeroed,))])))
    assert (row["vmsize"], row["filesize"]) == ("4096", "0")


def test_csv_of_several_libraries_says_which() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([NEW, make_report(ARM, 10, 5)]))))
    assert {it["target"] for it in rows} == {"linux-x86_64", "linux-arm64-v8a"}


@given(st.lists(reports(), min_size=1, max_size=3))
def test_markdown_fits_a_comment_whatever_names_there_are(many: Sequence[SizeReport]) -> None:
    differences = [compare(it, many[0]) for it in many]
    assert len(to_markdown(many).encode()) < LONGEST
    assert len(to_markdown(many, differences).encode()) < LONGEST


def test_markdown_gets_shorter_before_it_gets_too_long() -> None:
    long = {f"aten::{'x' * 300}{number}": 1 for number in range(400)}
    many = [replace(make_report(X86, 1000, 5, operators=long)) for _ in range(12)]
    text = to_markdown(many)
    assert len(text.encode()) < LONGEST
    assert text.count("| linux-x86_64 |") == 12
    assert len(to_markdown([NEW] * 4000).encode()) < LONGEST


def test_markdown_keeps_the_verdict_whose_reason_is_too_long() -> None:
    budget = Budget(Metric.INSTALLED, (Limit(10), Limit(1000, "because " * LONGEST)))
    text = to_markdown([NEW], [], tuple(judge(NEW, [budget], None)))
    assert len(text.encode()) < LONGEST
    assert text.splitlines() == [
        "- ❌ linux-x86\\_64 exceeds its budget: installed 2,000 of 1,000 bytes (200.0%)",
        "- linux-x86_64: 2,000 bytes",
    ]


def test_names_are_no_markup() -> None:
    odd = make_report(X86, 10, 5, operators={"a|b`<script>": 1})
    (row,) = (it for it in to_markdown([odd]).splitlines() if "script" in it)
    assert row.startswith("| `a\\|b'<script>` |")


@given(reports(), reports())
def test_the_page_has_every_byte_of_both_builds(report: SizeReport, base: SizeReport) -> None:
    (data,) = data_of(to_html([Compared(report, base)]))["reports"]
    assert sum(row[4] for row in data["rows"]) == report.stripped
    assert sum(row[5] for row in data["rows"]) == base.stripped
    for row in data["rows"]:
        places = ("files", "names", "shares", "sections")
        assert all(0 <= row[number] < len(data[it]) for number, it in enumerate(places))


def test_names_end_no_script_of_the_page() -> None:
    evil = SymbolRow(".text", "c10/a.cpp.o", "</script><script>alert(1)</script>", 0, 10, 10)
    page = to_html([Compared(replace(make_report(X86, 10, 5), symbols=(evil,)))])
    assert page.count("<script") == page.count("</script>") == 2
    (report,) = data_of(page)["reports"]
    assert report["names"] == [evil.symbol]


def test_the_page_fetches_nothing_and_names_no_other_place() -> None:
    page = to_html([Compared(NEW)])
    assert not re.findall(r"https?://|src=|@import|url\(", page)
    assert "default-src 'none'" in page


def test_the_script_stays_small() -> None:
    script = (ROOT / "templates" / "report" / "report.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 400
    assert "innerHTML" not in script


def test_the_documentation_lists_all_formats() -> None:
    assert [it.strip("`") for it in table(REFERENCE, "`--format`")] == list(FORMATS)
