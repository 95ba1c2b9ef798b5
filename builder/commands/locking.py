"""`lock`: the operators that are needed, in a file to commit, and whether it is still right."""

from pathlib import Path
from typing import Any, Final

from builder.commands.exchange import Answer, Asked
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.files import check_file_writable, write_if_changed
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.models.lists.operator_list import OperatorList
from builder.models.lists.reading import read_list
from builder.models.lists.resolving import changes
from builder.models.lists.writing import to_yaml
from builder.models.preflight.problems import refuse
from builder.pipeline.wanted import read_wanted
from builder.source.request import SourceRequest
from builder.vocabulary.errors import UsageError, VerificationError
from builder.vocabulary.models import Rewrite

_COMMENT: Final = """\
Which operators are needed, and by which model. Written by `build-runtime lock`: run it again rather
than edit this, and let CI run it with --check."""


def lock(
    asked: Asked, path: Path, host: Host, rewrite: Rewrite, extension: Extension = NOTHING
) -> Answer:
    """Write the file, unless it is right; return what changed.

    Raise `ModelError` for what the pinned source does not have; nothing is written then.
    """
    check_file_writable(path, option="-o")
    kept = read_list(path) if path.is_file() else None
    needed = _needed(asked, host, rewrite, extension)
    different = changes(kept, needed) if kept is not None else ()
    wrote = write_if_changed(path, to_yaml(needed, comment=_COMMENT))
    text = "\n".join([*different, f"{'wrote' if wrote else 'up to date'}: {path}"])
    return Answer(_document(path, needed, different), text)


def check(
    asked: Asked, path: Path, host: Host, rewrite: Rewrite, extension: Extension = NOTHING
) -> Answer:
    """Compare the file with what is needed; raise `VerificationError` with all that differs."""
    if not path.is_file():
        raise UsageError(f"no such lock file: {path}", hint="write it: leave --check out")
    kept = read_list(path)
    needed = _needed(asked, host, rewrite, extension)
    if different := changes(kept, needed):
        raise VerificationError(
            f"{path} is not what is needed:\n    " + "\n    ".join(different),
            hint="run the same command without --check, and commit the file",
        )
    return Answer(_document(path, needed, ()), f"up to date: {path}")


def _needed(asked: Asked, host: Host, rewrite: Rewrite, extension: Extension) -> OperatorList:
    wanted = read_wanted(asked.models, asked.lists, asked.extra, host, rewrite, extension)
    version = SourceRequest(directory=None).version
    catalogue = extension.extend(pinned_catalogue(version))
    refuse(wanted.problems(version, catalogue), version)
    return wanted.merged(catalogue)


def _document(path: Path, needed: OperatorList, different: tuple[str, ...]) -> dict[str, Any]:
    return {
        "file": str(path),
        "operators": [
            {"name": str(it.name), "models": sorted(it.debug_info)} for it in needed.operators
        ],
        "changes": list(different),
    }
