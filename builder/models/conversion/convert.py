"""The child process that turns TorchScript into a lite model, so that torch cannot hurt us.

`python -m builder.models.conversion.convert SOURCE DESTINATION LINES CHANGES REWRITE OWN [EXTRA…]`:
status 0 and the files, or status 1 and torch's message on stdout. Whatever torch prints on its own
goes to stderr. LINES gets the debug information alone: it is for messages; the model that ships
does without. REWRITE is that of the setting, OWN are operators of the user's own as
`builder.extensions.learning` takes them. CHANGES tells what was repaired and rewritten; it is not
written when there is nothing to tell.
"""

import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

from builder.models.conversion.record import Changes, to_json
from builder.models.reading.debug import CALLS, HANDLES, SUFFIX
from builder.vocabulary.models import Rewrite


def main(arguments: list[str]) -> int:
    """Convert; return the exit status. Files that ride along in the archive are kept."""
    from builder.extensions.learning import learn_operators  # noqa: PLC0415  it needs torch

    warnings.simplefilter("ignore")
    source, destination, lines, changes, rewrite, own, *names = arguments
    try:
        learn_operators(json.loads(own))
        done = _convert(Path(source), Path(destination), Path(lines), Rewrite(rewrite), names)
    except Exception as error:  # noqa: BLE001  reported to the parent, whatever it is
        sys.stdout.write(str(error) or type(error).__name__)
        return 1
    if done:
        Path(changes).write_text(to_json(done), encoding="utf-8")
    return 0


def _convert(
    source: Path, destination: Path, lines: Path, rewrite: Rewrite, names: list[str]
) -> Changes:
    # torch is the whole point of this process
    from builder.models.conversion.repairs.table import repair  # noqa: PLC0415
    from builder.models.conversion.rewrites.saving import choose  # noqa: PLC0415
    from builder.models.prepacked.loading import load_script  # noqa: PLC0415

    extra: dict[str, str | bytes] = dict.fromkeys(names, "")
    script = load_script(source, extra)
    repairs = repair(script)
    saved = choose(source, script, rewrite, extra, destination)
    _keep_lines(saved.script, lines)
    return Changes(repairs, saved.rewrites, saved.notes)


def _keep_lines(script: Any, lines: Path) -> None:  # noqa: ANN401  a torch.jit.ScriptModule
    """Write the records of debug information of a model to an archive of their own."""
    whole = lines.with_suffix(".whole")
    script._save_for_lite_interpreter(str(whole), _save_mobile_debug_info=True)  # noqa: SLF001
    with zipfile.ZipFile(whole) as model, zipfile.ZipFile(lines, "w") as kept:
        for record in model.infolist():
            name = record.filename.partition("/")[2]
            if name in (HANDLES, CALLS) or name.endswith(SUFFIX):
                kept.writestr(zipfile.ZipInfo(f"lines/{name}"), model.read(record))
    whole.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
