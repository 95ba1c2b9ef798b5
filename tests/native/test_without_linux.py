"""The fast tests pass on a machine that lacks what only Linux has."""

import subprocess
import sys

from tests.places import ROOT


def test_the_fast_tests_need_nothing_that_only_linux_has() -> None:
    words = ("-m", "pytest", "-q", "-p", "tests.without_linux", "-p", "no:cacheprovider")
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)  # noqa: PLW1510
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
