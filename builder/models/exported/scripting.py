"""Exported programs: vet them, have them written as TorchScript in a child, keep the result."""

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder import RELEASE
from builder.foundation.cache import note_use
from builder.foundation.files import copy_atomic, sha256_file, write_atomic
from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import IMPORT_PATH
from builder.models.exported.calls import Told, parse_told
from builder.models.exported.problems import Problem
from builder.models.exported.vetting import extra_files, vet
from builder.models.formats.archive import Archive
from builder.vocabulary.errors import ModelError, UsageError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.models import Call, OwnOperators

SCRIPTER: Final = 1
"""Revision of the child's output; a change makes earlier results in the cache unused."""

_TIMEOUT: Final = 1800.0  # seconds; the program is run on several sizes, twice each
_MOST: Final = 20  # problems that are told
_WRITER: Final = "builder.models.exported.writing"
_TOLD: Final = "call.json"
_EXAMPLES: Final = "examples"
_HOW: Final = (
    "change that part of the module, or script or trace the original:"
    ' torch.jit.script(model.eval()).save("model.pt")'
)


@dataclass(frozen=True, slots=True)
class Scripted:
    """A program as TorchScript: the `.pt`, how it is called, and inputs it was proven on."""

    path: Path
    call: Call
    examples: tuple[Path, ...]


def script(archive: Archive, torch: str, host: Host, own: OwnOperators) -> Scripted:
    """Return the program of a `.pt2` as TorchScript; it is written once, then kept in the cache.

    `torch` is the version that writes it, `own` what the program may call besides. Raise
    `MalformedError` for a file that is damaged or unsafe, `ModelError` for a program that cannot be
    said in TorchScript.
    """
    path = archive.path
    words = [sha256_file(path), torch, RELEASE, str(SCRIPTER), "pt2"]
    if own != OwnOperators():
        words += [fingerprint(own.known), *map(sha256_file, own.libraries)]
    key = hashlib.sha256(" ".join(words).encode())
    kept = host.cache / "models" / key.hexdigest()
    note_use(host.cache, kept)
    if (known := _kept(kept, path.stem)) is not None:
        return known
    if problems := vet(
        archive, frozenset(it.partition("(")[0].partition(".")[0] for it in own.schemas)
    ):
        raise _refusal(path, problems)
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as name:
        folder = Path(name)
        told = _write(archive, folder, host, own)
        try:
            for title in told.examples:
                copy_atomic(folder / f"{title}.pt", kept / _EXAMPLES / f"{title}.pt")
            copy_atomic(folder / "model.pt", kept / f"{path.stem}.pt")
            write_atomic(kept / _TOLD, (folder / _TOLD).read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(
                f"cannot keep the converted model in {kept}: {error.strerror}",
                hint="free some space, or choose another cache directory",
            ) from error
    return _scripted(kept, path.stem, told)


def _kept(kept: Path, stem: str) -> Scripted | None:
    """Return what is in the cache; None where something is missing or has gone bad."""
    try:
        told = parse_told((kept / _TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = _scripted(kept, stem, told)
    return found if all(it.is_file() for it in (found.path, *found.examples)) else None


def _scripted(kept: Path, stem: str, told: Told) -> Scripted:
    examples = tuple(kept / _EXAMPLES / f"{title}.pt" for title in told.examples)
    return Scripted(kept / f"{stem}.pt", told.call, examples)


def _write(archive: Archive, folder: Path, host: Host, own: OwnOperators) -> Told:
    path = archive.path
    search = os.pathsep.join(filter(None, (str(IMPORT_PATH), host.env.get("PYTHONPATH"))))
    told = json.dumps(own.document())
    given = (str(path.resolve()), str(folder), RELEASE, told, *extra_files(archive))
    argv = (sys.executable, "-P", "-m", _WRITER, *given)
    command = Command(argv, cwd=folder, env=host.child_env(PYTHONPATH=search))
    completed = host.runner.capture(command, timeout=_TIMEOUT)
    if completed.status != 0:
        raise _failure(path, completed)
    try:
        return parse_told((folder / _TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot convert {path}: the converter wrote nothing that can be read",
            hint="please report it",
        ) from error


def _refusal(path: Path, problems: tuple[Problem, ...]) -> ModelError:
    return _error(path, [str(it) for it in problems], "")


def _failure(path: Path, completed: Completed) -> ModelError:
    """Return what the child said; for a crash, how it ended."""
    try:
        told = json.loads(completed.stdout)
        return _error(path, [str(it) for it in told["problems"]], str(told["hint"]))
    except (ValueError, KeyError, TypeError):
        noise = [line.rstrip() for line in completed.stderr.splitlines() if line.strip()]
        ended = (
            f"the converter was ended by signal {-completed.status}"
            if completed.status < 0
            else f"the converter ended with status {completed.status}"
        )
        return _error(path, [ended, *noise[-1:]], "")


def _error(path: Path, problems: list[str], hint: str) -> ModelError:
    lines = [f"    {it}" for it in problems[:_MOST]]
    if len(problems) > _MOST:
        lines.append(f"    and {len(problems) - _MOST} more")
    return ModelError(
        "\n".join((f"cannot convert {path}, a torch.export program, to TorchScript", *lines)),
        hint=hint or _HOW,
    )
