import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.proof.junit import to_junit
from builder.vocabulary.checks import Check, Element, Outcome

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
    "system-out": set[str](),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "skipped", "system-out"},
    "failure": set[str](),
    "skipped": set[str](),
    "system-out": set[str](),
}
"""What Jenkins' and GitLab's readers know, of which this is a part."""

ELEMENT = Element("output at [0,3]", "1.5", "1.25", "float32", 0.25, math.inf)


def parse(text: str) -> ET.Element:
    """Read a report, and hold it against the structure readers expect."""
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag], element.tag
        assert {child.tag for child in element} <= CHILDREN[element.tag], element.tag
    for group in root.iter("testsuite"):
        cases = list(group.iter("testcase"))
        assert int(group.get("tests", "")) == len(cases)
        for count, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            assert int(group.get(count, "")) == sum(case.find(tag) is not None for case in cases)
        total = sum(float(case.get("time", "")) for case in cases)
        assert float(group.get("time", "")) == pytest.approx(total, abs=0.01)
        assert all(
            len(case.findall("failure")) + len(case.findall("skipped")) <= 1 for case in cases
        )
    return root


def test_each_verdict_is_a_case() -> None:
    root = parse(to_junit("linux-x86_64", [
        Check(name="files", outcome=Outcome.PASSED, seconds=0.25),
        Check(name="needs", outcome=Outcome.FAILED, model="a.b", reasons=("one", "two"),
                hint="do"),
        Check(name="outputs", outcome=Outcome.SKIPPED, model="a.b", reasons=("no qemu",)),
        Check(name="outputs", outcome=Outcome.FAILED, model="net", reasons=("far",), cases=2,
                runner="natively", worst=ELEMENT, seconds=1.5),
    ]))  # fmt: skip
    (group,) = root
    assert (group.get("name"), group.get("time")) == ("linux-x86_64", "1.750")
    files, needs, skipped, outputs = group
    assert (files.get("classname"), files.get("name")) == ("linux-x86_64.artifact", "files")
    assert not list(files)
    assert needs.get("classname") == "linux-x86_64.a_b"
    failure = needs.find("failure")
    assert failure is not None
    assert failure.get("message") == "2 problems"
    assert failure.text == "one\ntwo\nfix: do"
    assert skipped.find("skipped[@message='no qemu']") is not None
    assert outputs.find("failure[@message='far']") is not None
    told = outputs.findtext("system-out", "")
    assert told.splitlines() == [
        "ran natively",
        "2 cases",
        "worst output at [0,3]: 1.5, torch answers 1.25, off by 0.25 where nothing is allowed",
    ]


TEXTS = st.text(st.characters(codec=None), max_size=20)


@given(name=TEXTS, reason=TEXTS, hint=TEXTS)
def test_any_text_gives_xml(name: str, reason: str, hint: str) -> None:
    """Names and errors come out of models: control characters, half surrogates, markup."""
    verdicts = [
        Check(name="outputs", outcome=outcome, model=name, reasons=(reason,), hint=hint)
        for outcome in Outcome
    ]
    text = to_junit(name, verdicts)
    parse(text)
    text.encode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", text)


def test_the_report_says_its_encoding() -> None:
    text = to_junit("ä", [])
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>\n")
    assert 'name="ä"' in text
