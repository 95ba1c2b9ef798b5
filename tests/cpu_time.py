"""How long a program works: what a busy machine makes of it is not what is measured."""

import resource
import subprocess
from collections.abc import Sequence

from tests.places import ROOT


def cpu_seconds(command: Sequence[str]) -> float:
    """Run a command in the checkout; return the CPU time that it and its children took."""
    began = _spent()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return _spent() - began


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
