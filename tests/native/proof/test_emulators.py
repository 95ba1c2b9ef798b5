"""Emulators as packages, with the real apt and dpkg-deb, from a small archive on this machine."""

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
from builder.proof.emulators import fetch_emulator, find_emulator
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.places import ROOT
from tests.unit.source.small import Recorder, write

ARM: Final = make_target(Platform.LINUX, Abi.ARM64_V8A)
ARMV7: Final = make_target(Platform.LINUX, Abi.ARMEABI_V7A)

TRIXIE: Final = {
    "qemu-user": ("1:10.0+ds-1", ["usr/bin/qemu-aarch64", "usr/bin/qemu-arm", "usr/bin/qemu-ppc"]),
    "libc6-arm64-cross": ("2.41-1", ["usr/aarch64-linux-gnu/lib/libc.so.6", "usr/share/doc/x"]),
    "libc6-armhf-cross": ("2.41-1", ["usr/arm-linux-gnueabihf/lib/libc.so.6"]),
}
BOOKWORM: Final = {
    "qemu-user-static": ("1:7.2-1", ["usr/bin/qemu-aarch64-static"]),
    "libc6-arm64-cross": ("2.36-1", ["usr/aarch64-linux-gnu/lib/libc.so.6"]),
}


def publish(archive: Path, suite: str, packages: Mapping[str, tuple[str, list[str]]]) -> None:
    """Lay out an unsigned archive whose packages hold these files."""
    stanzas = []
    for name, (version, files) in packages.items():
        tree = archive / "trees" / suite / name
        write(tree, dict.fromkeys(files, f"{suite}\n"))
        control = f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        about = "Maintainer: us <us@example.org>\nDescription: a test\n"
        write(tree, {"DEBIAN/control": control + about})
        path = f"pool/{suite}/{name}.deb"
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", tree, archive / path],
            check=True, capture_output=True,
        )  # fmt: skip
        data = (archive / path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        stanzas.append(f"{control}Filename: {path}\nSize: {len(data)}\nSHA256: {digest}\n{about}")
    listed = "\n".join(stanzas)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    told = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, check=True)
    index = f"main/binary-{told.stdout.decode().strip()}/Packages"
    write(
        archive / "dists" / suite,
        {
            index: listed,
            "Release": f"Suite: {suite}\nCodename: {suite}\nComponents: main\n"
            f"Architectures: {told.stdout.decode().strip()}\n"
            "Date: Wed, 01 Jan 2025 00:00:00 UTC\nSHA256:\n"
            f" {digest} {len(listed.encode())} {index}\n",
        },
    )


@pytest.fixture
def archive(tmp_path: Path, require: Callable[[str], Path]) -> Path:
    require("apt-get")
    require("dpkg-deb")
    place = tmp_path / "mirror"
    publish(place, "trixie", TRIXIE)
    publish(place, "bookworm", BOOKWORM)
    entry = f"deb [trusted=yes] copy:{place} trixie main\n"
    write(tmp_path / "etc", {"sources.list.d/local.list": entry})
    return place


@pytest.fixture
def host(tmp_path: Path) -> Host:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    return Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache dir", jobs=2)


def kept(host: Host) -> set[str]:
    folder = host.cache / "emulators"
    files = {str(it.relative_to(folder)) for it in folder.rglob("*") if it.is_file()}
    return {it for it in files if not it.endswith("/version")} - {".lock"}


@pytest.mark.usefixtures("archive")
def test_what_is_needed_is_fetched_once_and_kept(host: Host, tmp_path: Path) -> None:
    progress = Recorder()
    found = fetch_emulator(ARM, host, progress, etc=tmp_path / "etc")
    assert found.what == "qemu-aarch64 of qemu-user 1:10.0+ds-1, with libc6-arm64-cross 2.41-1"
    assert found.program.read_text() == "trixie\n"
    assert (found.sysroot / "lib/libc.so.6").is_file()
    assert kept(host) == {
        "qemu-user/usr/bin/qemu-aarch64",
        "qemu-user/usr/bin/qemu-arm",
        "libc6-arm64-cross/usr/aarch64-linux-gnu/lib/libc.so.6",
    }
    assert not progress.open
    again = Recorder()
    assert fetch_emulator(ARM, host, again, etc=tmp_path / "etc") == found
    assert not again.done
    fetch_emulator(ARMV7, host, again, etc=tmp_path / "etc")
    assert [it for it in again.done if it.startswith("fetch ")] == ["fetch libc6-armhf-cross"]


def test_an_older_release_serves_where_the_newer_one_cannot(
    archive: Path, host: Host, tmp_path: Path
) -> None:
    (archive / "dists/trixie").rename(archive / "gone")
    found = fetch_emulator(ARM, host, NoProgress(), etc=tmp_path / "etc")
    assert found.program.name == "qemu-aarch64-static"
    assert found.what.endswith("with libc6-arm64-cross 2.36-1")


def test_what_no_release_has_is_named(archive: Path, host: Host, tmp_path: Path) -> None:
    for suite in ("trixie", "bookworm"):
        publish(archive, suite, {"other": ("1", ["usr/bin/other"])})
    with pytest.raises(Unavailable) as caught:
        fetch_emulator(ARM, host, NoProgress(), etc=tmp_path / "etc")
    assert str(caught.value) == (
        "trixie: the archive does not list qemu-user; "
        "bookworm: the archive does not list qemu-user-static"
    )
    assert not kept(host)


def test_a_damaged_package_is_refused_by_apt(archive: Path, host: Host, tmp_path: Path) -> None:
    for name in ("trixie/libc6-arm64-cross", "bookworm/libc6-arm64-cross"):
        path = archive / f"pool/{name}.deb"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Unavailable, match="Hash Sum mismatch"):
        fetch_emulator(ARM, host, NoProgress(), etc=tmp_path / "etc")
    assert find_emulator(ARM, host) is None
    assert not [it for it in kept(host) if "libc" in it]


def test_a_package_that_cannot_be_unpacked_is_told(
    archive: Path, host: Host, tmp_path: Path
) -> None:
    del archive
    broken = tmp_path / "bin"
    write(broken, {"dpkg-deb": "#!/bin/sh\necho 'dpkg-deb: no space left' >&2\nexit 2\n"})
    (broken / "dpkg-deb").chmod(0o755)
    host = Host(
        {**host.env, "PATH": f"{broken}:{host.env['PATH']}"}, host.runner, host.cache, host.jobs
    )
    with pytest.raises(Unavailable, match="dpkg-deb: no space left"):
        fetch_emulator(ARM, host, NoProgress(), etc=tmp_path / "etc")
    assert not kept(host)


def test_a_cache_that_cannot_be_written_is_told(archive: Path, host: Host, tmp_path: Path) -> None:
    del archive
    host.cache.mkdir()
    (host.cache / "emulators").write_text("a file")
    with pytest.raises(Unavailable, match="cannot keep it in"):
        fetch_emulator(ARM, host, NoProgress(), etc=tmp_path / "etc")


SCRIPT: Final = """
import os, sys
from pathlib import Path
from builder.foundation.process import Host, SubprocessRunner
from builder.proof.emulators import fetch_emulator
from tests.native.proof.test_emulators import ARM
from tests.unit.source.small import Recorder

host = Host(env=dict(os.environ), runner=SubprocessRunner(), cache=Path(sys.argv[1]), jobs=1)
progress = Recorder()
print(fetch_emulator(ARM, host, progress, etc=Path(sys.argv[2])).what)
print(*progress.done, sep="\\n")
"""


@pytest.mark.usefixtures("archive")
def test_two_at_once_fetch_once(host: Host, tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, host.cache, tmp_path / "etc"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("fetch qemu-user\n" in it for it in told) == 1
