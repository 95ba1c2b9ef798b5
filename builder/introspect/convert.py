"""The child process that turns TorchScript into a lite model, so that torch cannot hurt us.

`python -m builder.introspect.convert SOURCE DESTINATION [EXTRA_FILE…]`: status 0 and the file, or
status 1 and torch's message on stdout. Whatever torch prints on its own goes to stderr.
"""

import sys
import warnings


def main(arguments: list[str]) -> int:
    """Convert; return the exit status. Files that ride along in the archive are kept."""
    import torch  # noqa: PLC0415  the whole point of this process

    warnings.simplefilter("ignore")
    source, destination, *names = arguments
    extra: dict[str, str | bytes] = dict.fromkeys(names, "")
    try:
        module = torch.jit.load(  # type: ignore[no-untyped-call]
            source, map_location="cpu", _extra_files=extra
        )
        module._save_for_lite_interpreter(destination, _extra_files=extra)  # noqa: SLF001
    except Exception as error:  # noqa: BLE001  reported to the parent, whatever it is
        sys.stdout.write(str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
