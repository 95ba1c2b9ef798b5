"""What `build_runtime.h` promises about threads, watched by ThreadSanitizer in every object."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.process import Host
from tests.places import ROOT
from tests.sanitizers.build import Instrumented, build
from tests.sanitizers.toolchain import Sanitizer

SOURCE: Final = ROOT / "tests" / "native" / "consumers" / "c" / "threads.c"


@pytest.fixture(scope="session")
def instrumented(host: Host) -> Instrumented:
    return build(Sanitizer.THREAD, host)


@pytest.mark.parametrize(
    ("how", "name", "shape"),
    [
        ("own", "classifier", ("1", "3", "32", "32")),
        ("share", "classifier", ("1", "3", "32", "32")),
        ("tally", "tally", ("3",)),
    ],
)
def test_eight_threads_do_not_race(
    how: str, name: str, shape: tuple[str, ...], instrumented: Instrumented, tmp_path: Path
) -> None:
    library = instrumented.prefix / "lib"
    subprocess.run(
        [
            instrumented.toolchain / "cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-pthread",
            f"-I{ROOT / 'native' / 'include'}", SOURCE, "-o", tmp_path / "threads",
            library / "libbuild_runtime.so", f"-Wl,-rpath,{library}",
        ],
        check=True,
    )  # fmt: skip
    model = instrumented.model(name).path
    done = subprocess.run(
        [tmp_path / "threads", model, how, "8", "10", *shape],
        env={**os.environ, "TSAN_OPTIONS": "exitcode=66"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-8000:]
    if how == "tally":  # the run after all others has the number that it should
        told = done.stdout.split("tally: ")[1].split()
        assert {float.fromhex(it) for it in told} == {81}
