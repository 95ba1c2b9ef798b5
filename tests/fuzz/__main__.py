"""Fuzz the reader of models, guided by coverage; see CONTRIBUTING for how.

    python -m tests.fuzz CORPUS [options of libFuzzer]

CORPUS is a folder: what is there is tried first, what finds new code is added. Memory is bounded
here, time by libFuzzer (`-timeout=10`), and a finding is left as a file `crash-…` or `timeout-…`.
"""

import resource
import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["builder.models"]):
    from tests.fuzz import inputs

_MEMORY: Final = 3 << 30  # bytes of address space


def main() -> None:
    """Run until libFuzzer is told to stop or something is found."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(inputs.seeds()):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:  # memory: a file for each input
        path = Path(scratch) / "fuzzed.ptl"
        for seed in inputs.seeds():  # whatever is imported late is imported now
            inputs.read(seed, path)
        atheris.Setup(sys.argv, lambda data: inputs.read(data, path))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
