"""Write a program as TorchScript: `python -m …exported.writing SOURCE FOLDER RELEASE OWN EXTRA…`.

OWN are operators of the user's own, as `OwnOperators.document` says: where no library runs those
that the program calls, nothing is compared. EXTRA are names of files that ride along. Status 0 and,
in FOLDER, `model.pt`, `call.json`, and for each title of inputs on which both were compared
`TITLE.pt`; or status 1, and on stdout as JSON why it cannot be. What torch prints goes to stderr.
"""

import dataclasses
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch.export import ExportedProgram

from builder.extensions.learning import learn_operators
from builder.libtorch.codegen import pinned_catalogue
from builder.models.exported.writing.agreement import agreed, unanswered
from builder.models.exported.writing.decomposing import calls, decomposed
from builder.models.exported.writing.program import write
from builder.models.exported.writing.refused import Refused

_EXPORT: Final[Any] = torch.export
_NOTHING_SAID: Final = "check the warnings above"


def main(arguments: list[str]) -> int:
    """Write the program; return the exit status."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    source, folder, release, own, *names = arguments
    try:
        document = json.loads(own)
        learn_operators(document)
        _convert(Path(source), Path(folder), release, document.get("own", {}), names)
    except Refused as refused:
        problems = [str(it) for it in refused.problems]
        return _report(problems, refused.hint)
    except Exception as error:  # noqa: BLE001  reported to the parent, whatever it is
        return _report([f"{type(error).__name__}: {_cause(error)}"], "")
    return 0


def _convert(
    source: Path, folder: Path, release: str, own: Mapping[str, Any], names: list[str]
) -> None:
    extra: dict[str, Any] = dict.fromkeys(names, "")
    program = _load(source, extra)
    known = [str(it) for it in pinned_catalogue(release).entries]
    schemas = [str(it).partition("(")[0] for it in own.get("schemas", ())]
    program = decomposed(program, [*known, *schemas])
    written = write(program)
    made = str(folder / "model.pt")
    written.module.save(made, _extra_files=extra)
    # each runs what it read itself: a program may change what it holds
    if own.get("libraries") or not calls(program, schemas):
        cases = agreed(_load(source, {}), torch.jit.load(made))  # type: ignore[no-untyped-call]
    else:
        cases = unanswered(program)
    for case in cases:
        torch.save(case.arguments, folder / f"{case.title}.pt")
    document = {"call": dataclasses.asdict(written.call), "examples": [it.title for it in cases]}
    (folder / "call.json").write_text(json.dumps(document), encoding="utf-8")


def _load(source: Path, extra: dict[str, Any]) -> ExportedProgram:
    """Read the file; raise what torch met: its own last error may tell only that there was one."""
    causes: list[BaseException] = []

    def note(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            causes.append(record.exc_info[1])
        return False

    log = logging.getLogger("torch.export")
    log.addFilter(note)
    try:
        program: ExportedProgram = _EXPORT.load(source, extra_files=extra)
    except Exception as error:
        said = _NOTHING_SAID in str(error) and causes
        raise (causes[0] if said else error) from error
    finally:
        log.removeFilter(note)
    return program


def _cause(error: Exception) -> str:
    """Return what an error says first: the rest tells where in torch it arose."""
    return " ".join(line.strip() for line in str(error).strip().splitlines()[:4])


def _report(problems: list[str], hint: str) -> int:
    json.dump({"problems": problems, "hint": hint}, sys.stdout)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
