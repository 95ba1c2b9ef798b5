"""`report`: where the bytes of an artifact went."""

import json
from pathlib import Path

from builder.artifact.size_reports import read_size_reports
from builder.commands.exchange import Answer
from builder.report.document import VERSION, from_json, to_document
from builder.report.render import to_text as report_text


def size_report(artifact: Path, *, as_json: bool) -> Answer:
    """Return the size reports of an artifact, one for each of its ABIs; the text may be JSON, too.

    One alone is the document itself.
    """
    reports = [from_json(it) for it in read_size_reports(artifact)]
    documents = [to_document(it) for it in reports]
    document = documents[0] if len(documents) == 1 else {"version": VERSION, "reports": documents}
    if as_json:
        return Answer(document, json.dumps(document, indent=2, ensure_ascii=False))
    return Answer(document, "\n".join(map(report_text, reports)).rstrip())
