"""What a step of the action tells: its outputs, the summary of the job, and annotations.

`tell.py archives ANSWER` prints the archives that a build wrote, `tell.py failed ERRORS CODE` only
what went wrong. `tell.py outcome ANSWER ERRORS REPORT CODE` writes to the files that GitHub names,
within its limits: a summary has 1 MiB, and ten annotations of a step are shown. Only Python itself
is needed.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

MOST_SUMMARY: Final = 1 << 20
MOST_ANNOTATION: Final = 4000
"""Bytes of a summary, characters of an annotation."""

CUT: Final = "\n…\n"


def archives(document: dict[str, Any]) -> list[str]:
    """Return the archives of a build: of several ABIs in one, it is named once."""
    return list(dict.fromkeys(str(it["archive"]) for it in document.get("targets", ())))


def failed(errors: str, code: int) -> str:
    """Return what went wrong, in the words of the tool, which come last; empty if nothing did."""
    if code == 0:
        return ""
    _, mark, told = f"\n{errors}".rpartition("\nerror: ")
    return told.rstrip() if mark else f"build-runtime ended with exit code {code}"


def annotation(text: str) -> str:
    """Return the command by which a step says what is wrong."""
    text = text if len(text) <= MOST_ANNOTATION else text[:MOST_ANNOTATION] + CUT
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::error title=build-runtime::{escaped}"


def summary(document: dict[str, Any], report: str, wrong: str) -> str:
    """Return the Markdown of a job's summary."""
    if wrong:
        return f"### build-runtime failed\n\n```text\n{wrong}\n```\n"
    lines = [
        "### build-runtime",
        "",
        "| target | library | download | check | outcome |",
        "|---|--:|--:|---|---|",
    ]
    for target in document.get("targets", ()):
        sizes = f"{target['library_bytes']:,} | {target['library_download_bytes']:,}"
        for check in target["checks"]:
            about = " ".join(it for it in (check["name"], check["model"]) if it)
            lines.append(f"| {target['target']} | {sizes} | {about} | {check['outcome']} |")
    return "\n".join([*lines, "", report.rstrip(), ""])


def bounded(text: str, most: int) -> str:
    """Return a text that has at most so many bytes."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - len(CUT.encode())].decode(errors="ignore") + CUT


def append(variable: str, text: str) -> None:
    """Add to a file that the runner names."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as stream:
        stream.write(text)


def read(path: Path) -> str:
    """Return the text of a file, empty where there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def outcome(answer: Path, errors: Path, report: Path, code: int) -> None:
    """Tell how a build ended."""
    try:
        document = json.loads(read(answer))
    except ValueError:
        document = {}
    wrong, told = failed(read(errors), code), read(report)
    if wrong:
        print(annotation(wrong))
    append("GITHUB_STEP_SUMMARY", bounded(summary(document, told, wrong), MOST_SUMMARY))
    written = "\n".join(archives(document))
    append(
        "GITHUB_OUTPUT",
        f"artifact<<end-of-artifacts\n{written}\nend-of-artifacts\n"
        f"report={report if told else ''}\npassed={'false' if wrong else 'true'}\n",
    )


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "archives":
        print(*archives(json.loads(Path(rest[0]).read_text(encoding="utf-8"))), sep="\n")
    elif what == "failed":
        print(annotation(failed(read(Path(rest[0])), int(rest[1]))))
    else:
        outcome(Path(rest[0]), Path(rest[1]), Path(rest[2]), int(rest[3]))
