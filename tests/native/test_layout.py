"""Our C and C++ is laid out by clang-format, as `.clang-format` says."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.own_sources import own_sources
from tests.places import ROOT

CLANG_FORMAT: Final = Path(sys.executable).with_name("clang-format")


def test_our_c_is_laid_out() -> None:
    sources = own_sources()
    assert len(sources) > 30
    done = subprocess.run(
        [CLANG_FORMAT, "--dry-run", "-Werror", *sources],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"repair it with `clang-format -i FILE`:\n{done.stderr}"
