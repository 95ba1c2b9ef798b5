"""What the tests under sanitizers share: this machine, with the cache all builds share."""

import os
from pathlib import Path

import pytest

from builder.foundation.process import Host
from tests.sanitizers.build import make_host


@pytest.fixture(scope="session")
def host(pytestconfig: pytest.Config) -> Host:
    chosen = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    if chosen:
        return make_host(Path(chosen).resolve())
    assert pytestconfig.cache is not None
    return make_host(pytestconfig.cache.mkdir("build-runtime"))
