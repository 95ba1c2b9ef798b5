"""Verdicts as JUnit XML, which continuous integration servers show.

There is no official schema; this keeps to what the common readers share: `testsuites` with totals,
one `testsuite`, and in it one `testcase` for each verdict.
"""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from builder.vocabulary.checks import Check, Outcome

_IMPOSSIBLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters no XML document can hold, not even escaped (XML 1.0, section 2.2)."""


def to_junit(suite: str, verdicts: Sequence[Check]) -> str:
    """Return the XML of a report; `suite` names what was verified."""
    totals = {
        "tests": str(len(verdicts)),
        "failures": str(sum(it.outcome is Outcome.FAILED for it in verdicts)),
        "errors": "0",
        "skipped": str(sum(it.outcome is Outcome.SKIPPED for it in verdicts)),
        "time": f"{sum(it.seconds for it in verdicts):.3f}",
    }
    root = ET.Element("testsuites", {"name": "build-runtime verify", **totals})
    group = ET.SubElement(root, "testsuite", {"name": _text(suite), **totals})
    for verdict in verdicts:
        _add(group, suite, verdict)
    ET.indent(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True).decode()
    return f"{text}\n"


def _add(group: ET.Element, suite: str, verdict: Check) -> None:
    # readers build a tree of the dots in a class name, so those of file names are replaced
    owner = ".".join(it.replace(".", "_") for it in (suite, verdict.model or "artifact"))
    case = ET.SubElement(
        group,
        "testcase",
        {"classname": _text(owner), "name": verdict.name, "time": f"{verdict.seconds:.3f}"},
    )
    reasons = [_text(it) for it in verdict.reasons]
    if verdict.outcome is Outcome.SKIPPED:
        ET.SubElement(case, "skipped", {"message": "; ".join(reasons)})
    elif verdict.outcome is Outcome.FAILED:
        count = len(reasons)
        message = reasons[0] if count == 1 else f"{count} problems"
        failure = ET.SubElement(case, "failure", {"message": message, "type": verdict.name})
        failure.text = "\n".join(
            [*reasons, *([f"fix: {_text(verdict.hint)}"] if verdict.hint else [])]
        )
    told = []
    if verdict.runner:
        told.append(f"ran {verdict.runner}")
    if verdict.cases:
        told.append(f"{verdict.cases} case{'s' if verdict.cases != 1 else ''}")
    if verdict.worst is not None:
        told.append(f"worst {verdict.worst}")
    if told:
        ET.SubElement(case, "system-out").text = _text("\n".join(told))


def _text(text: str) -> str:
    return _IMPOSSIBLE.sub("�", text)
