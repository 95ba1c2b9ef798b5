"""A machine that has nothing and no network plans a build from one file with all sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builder import RELEASE
from builder.source.pins import pins
from tests.documents import validate
from tests.e2e.real import CLASSIFIER, Tool

pytestmark = pytest.mark.slow  # half a minute for what a fast test shows with small archives


@pytest.fixture
def bundle(tool: Tool, tmp_path: Path) -> Path:
    """Write the bundle of the archives that other tests have fetched."""
    files = [{it.file for it in pin.archives} for pin in pins(RELEASE).components]
    if not all(any((tool.cache / "downloads" / it).is_file() for it in names) for names in files):
        pytest.skip("the sources of this cache came by git")
    path = tmp_path / "sources.tar"
    words = ("source", "bundle", "-o", path, "--offline", "--json")
    validate("source-bundle", tool.run(*words, cwd=tmp_path).document)
    return path


def test_a_bundle_is_enough_without_a_network(tool: Tool, bundle: Path, tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], check=False).returncode:
        pytest.skip("no process can be kept from the network here")
    words = ("plan", CLASSIFIER, "--abi", "x86_64", "--source", bundle, "--offline", "--json")
    done = subprocess.run(
        [unshare, "-rn", sys.executable, "-m", "builder", *map(str, words)],
        cwd=tmp_path,
        env=Tool(tmp_path / "empty", tool.root).env(HOME=str(tmp_path), PATH=os.defpath),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"pytorch:' in done.stdout
