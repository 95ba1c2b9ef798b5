"""What the tests that need torch share."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.foundation.process import Host, SubprocessRunner


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Torch deprecates TorchScript in every call; that is why this project exists."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def real(tmp_path: Path) -> Host:
    """A host that starts programs, with a cache of its own."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache", jobs=1)
