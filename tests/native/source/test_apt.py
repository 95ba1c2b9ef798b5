"""The debian provider with the real apt against a small archive on this machine: no network."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.fetching.progress import NoProgress, Unavailable
from builder.foundation.process import Host, SubprocessRunner
from builder.source.debian import open_debian
from builder.source.pins import Release
from builder.vocabulary.errors import SourceError
from tests.places import ROOT
from tests.unit.source.small import Recorder, contents, listed, release, write

PINS: Final = release()


def _publish(archive: Path, held: Mapping[str, bytes], pins: Release = PINS) -> None:
    """Lay out an unsigned archive whose lists are those of `pins` and whose pool is `held`."""
    stanzas = []
    for pin in pins.components:
        for item in pin.archives:
            pool = f"pool/{item.package}"
            (archive / pool).mkdir(parents=True, exist_ok=True)
            if item.file in held:
                (archive / pool / item.file).write_bytes(held[item.file])
            stanzas.append(
                f"Package: {item.package}\nBinary: x\nVersion: {item.version}-1\n"
                f"Format: 3.0 (quilt)\nDirectory: {pool}\nChecksums-Sha256:\n"
                f" {item.sha256} {item.size} {item.file}\n"
                f" {'0' * 64} 10 {item.package}_{item.version}-1.dsc\n"
            )
    sources = "\n".join(stanzas)
    digest = hashlib.sha256(sources.encode()).hexdigest()
    write(
        archive / "dists/trixie",
        {
            "main/source/Sources": sources,
            "Release": "Suite: trixie\nCodename: trixie\nComponents: main\nArchitectures: amd64\n"
            "Date: Wed, 01 Jan 2025 00:00:00 UTC\nSHA256:\n"
            f" {digest} {len(sources.encode())} main/source/Sources\n",
        },
    )


@pytest.fixture
def archive(tmp_path: Path, require: Callable[[str], Path]) -> Path:
    require("apt-get")
    place = tmp_path / "mirror"
    _publish(place, contents(PINS))
    entry = f"deb [trusted=yes] copy:{place} trixie main\n"
    write(tmp_path / "etc", {"sources.list.d/local.list": entry})
    return place


@pytest.fixture
def host(tmp_path: Path) -> Host:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    return Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache dir", jobs=2)


@pytest.mark.usefixtures("archive")
def test_real_apt_fetches_what_is_pinned(host: Host, tmp_path: Path) -> None:
    progress = Recorder()
    tree = open_debian(PINS, host, progress, offline=False, apt=tmp_path / "etc")
    assert listed(tree.root("pytorch")) == {"version.txt", "c10/core.h"}
    kept = {path.name for path in (host.cache / "downloads").iterdir()}
    assert kept == {pin.archives[0].file for pin in PINS.components}
    assert not progress.open


def test_the_alternative_is_fetched_when_the_pool_lacks_the_first_choice(
    archive: Path, host: Host, tmp_path: Path
) -> None:
    (archive / "pool/fmtlib/fmtlib_1.0.orig.tar.xz").unlink()
    tree = open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "etc")
    assert "new.h" in listed(tree.root("fmt"))


def test_a_file_the_pool_lacks_is_named(archive: Path, host: Host, tmp_path: Path) -> None:
    (archive / "pool/pytorch/pytorch_1.0.orig.tar.xz").unlink()
    with pytest.raises(Unavailable, match=r"^pytorch_1\.0\.orig\.tar\.xz: copy:"):
        open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "etc")
    assert not list((host.cache / "sources").glob("2.6.0-*"))


def test_a_corrupt_file_in_the_pool_is_a_wrong_checksum(
    archive: Path, host: Host, tmp_path: Path
) -> None:
    path = archive / "pool/pytorch/pytorch_1.0.orig.tar.xz"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"wrong checksum for pytorch_1\.0") as caught:
        open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "etc")
    assert hashlib.sha256(data).hexdigest() in caught.value.message
    assert not list(host.cache.rglob("pytorch_1.0*"))


def test_no_archive_at_all(archive: Path, host: Host, tmp_path: Path) -> None:
    (archive / "dists").rename(archive / "gone")
    with pytest.raises(Unavailable, match="dists/trixie"):
        open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "etc")


SCRIPT: Final = """
import os, signal, sys
from pathlib import Path
from builder.foundation.process import Host, SubprocessRunner
from builder.foundation.fetching.progress import NoProgress
from builder.source.request import SourceRequest
from builder.source.debian import open_debian
from builder.source import opening
from tests.unit.source.small import release

cache, etc, deadly = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

class Killer(NoProgress):
    def started(self, name, total):
        print(name, flush=True)
        if name == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

opening.pins = lambda version: release()
debian = lambda *rest, **options: open_debian(*rest, **options, apt=etc)
opening.open_debian = debian
host = Host(env=dict(os.environ), runner=SubprocessRunner(), cache=cache, jobs=1)
request = SourceRequest(provider="debian")
print("tree", opening.open_source(request, host, Killer()).digest)
"""


def _start(cache: Path, etc: Path, deadly: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(cache), str(etc), deadly],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("archive")
def test_kill_9_at_any_step_and_again(host: Host, tmp_path: Path) -> None:
    steps = [
        "read package lists",
        "fetch pytorch_1.0.orig.tar.xz",
        "fetch fmtlib_1.0.orig.tar.xz",
        "unpack pytorch",
        "unpack fmt",
    ]
    for step in steps:
        process = _start(host.cache, tmp_path / "etc", step)
        output = process.communicate()[0]
        assert process.returncode == -9, output
        if step == "fetch fmtlib_1.0.orig.tar.xz":
            assert "fetch pytorch_1.0.orig.tar.xz" in output
        elif step.startswith("unpack"):
            assert "fetch pytorch_1.0.orig.tar.xz" not in output, "a kept archive came again"
    process = _start(host.cache, tmp_path / "etc")
    assert process.communicate()[0].splitlines()[:-1] == ["unpack pytorch", "unpack fmt"]
    assert process.returncode == 0
    names = {path.name for path in (host.cache / "sources").iterdir()} - {".lock"}
    assert len(names) == 1, "what the killed runs left half-made is gone"


@pytest.mark.usefixtures("archive")
def test_two_at_once_make_one_tree(host: Host, tmp_path: Path) -> None:
    both = [_start(host.cache, tmp_path / "etc") for _ in range(2)]
    outputs = [process.communicate()[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert sum("unpack fmt" in output for output in outputs) == 1
