"""The child process that turns TorchScript into a lite model, so that torch cannot hurt us.

`python -m builder.models.conversion.convert SOURCE DESTINATION LINES REPAIRS [EXTRA_FILE…]`:
status 0 and the files, or status 1 and torch's message on stdout. Whatever torch prints on its own
goes to stderr. LINES gets the debug information alone: it is for messages; the model that ships
does without. REPAIRS tells what was repaired; it is not written when nothing was.
"""

import sys
import warnings
import zipfile
from pathlib import Path

from builder.models.conversion.repairs.record import to_json
from builder.models.reading.debug import CALLS, HANDLES, SUFFIX


def main(arguments: list[str]) -> int:
    """Convert; return the exit status. Files that ride along in the archive are kept."""
    import torch  # noqa: PLC0415  the whole point of this process

    from builder.models.conversion.repairs.table import repair  # noqa: PLC0415  it needs torch

    warnings.simplefilter("ignore")
    source, destination, lines, repairs, *names = arguments
    extra: dict[str, str | bytes] = dict.fromkeys(names, "")
    try:
        module = torch.jit.load(  # type: ignore[no-untyped-call]
            source, map_location="cpu", _extra_files=extra
        )
        if done := repair(module):
            Path(repairs).write_text(to_json(done), encoding="utf-8")
        module._save_for_lite_interpreter(destination, _extra_files=extra)  # noqa: SLF001
        whole = Path(lines).with_suffix(".whole")
        module._save_for_lite_interpreter(str(whole), _save_mobile_debug_info=True)  # noqa: SLF001
        _keep_lines(whole, Path(lines))
    except Exception as error:  # noqa: BLE001  reported to the parent, whatever it is
        sys.stdout.write(str(error) or type(error).__name__)
        return 1
    return 0


def _keep_lines(whole: Path, lines: Path) -> None:
    """Copy the records of debug information out of a model, then remove it."""
    with zipfile.ZipFile(whole) as model, zipfile.ZipFile(lines, "w") as kept:
        for record in model.infolist():
            name = record.filename.partition("/")[2]
            if name in (HANDLES, CALLS) or name.endswith(SUFFIX):
                kept.writestr(zipfile.ZipInfo(f"lines/{name}"), model.read(record))
    whole.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
