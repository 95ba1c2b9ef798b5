"""`report`: where the bytes of an artifact went."""

import lzma
import tarfile
import zlib
from pathlib import Path
from typing import Final

from builder.artifact.tar.layout import SIZE_REPORT
from builder.commands.exchange import Answer
from builder.report.render import from_json, to_document, to_json
from builder.report.render import to_text as report_text
from builder.vocabulary.errors import UsageError

_REPORT: Final = str(SIZE_REPORT)
_LARGEST_REPORT: Final = 50_000_000
_DAMAGED: Final = (
    tarfile.TarError, KeyError, OSError, EOFError, ValueError, lzma.LZMAError, zlib.error,
)  # fmt: skip
"""What reading a compressed archive may raise when its bytes are not what they were."""


def size_report(artifact: Path, *, as_json: bool) -> Answer:
    """Return the size report of an archive or an unpacked one; the text may be JSON, too."""
    report = from_json(_read_report(artifact))
    text = to_json(report) if as_json else report_text(report)
    return Answer(to_document(report), text.rstrip())


def _read_report(artifact: Path) -> str:
    hint = "name an archive or a folder that `build-runtime MODEL --abi …` wrote"
    if artifact.is_dir() and (artifact / _REPORT).is_file():
        return (artifact / _REPORT).read_text(encoding="utf-8")
    if not artifact.exists():
        raise UsageError(f"no such artifact: {artifact}", hint=hint)
    if artifact.is_file():
        try:
            with tarfile.open(artifact) as archive:
                member = archive.getmember(_REPORT)
                stream = archive.extractfile(member)
                if stream is not None and member.size <= _LARGEST_REPORT:
                    return stream.read().decode("utf-8")
        except _DAMAGED as error:
            raise UsageError(f"{artifact} is no artifact of build-runtime", hint=hint) from error
    raise UsageError(f"{artifact} holds no size report", hint=hint)
