import platform
from pathlib import Path

import pytest

from builder.foundation.fetching.progress import NoProgress
from builder.foundation.process import Host
from builder.proof.emulators import OFFERS, can_fetch, find_emulator, needed_packages
from builder.proof.execution import fetch_executor, find_executor
from builder.proof.executor import Executor
from builder.vocabulary.targets import Abi, Platform, Target, make_target, target_facts

ARM = make_target(Platform.LINUX, Abi.ARM64_V8A)
ANDROID = Target(Platform.ANDROID, Abi.ARM64_V8A, 24)


@pytest.fixture(autouse=True)
def _foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")


def keep(host: Host, package: str, version: str) -> Path:
    root = host.cache / "emulators" / package
    root.mkdir(parents=True)
    (root / "version").write_text(version)
    return root


@pytest.mark.parametrize("offer", OFFERS)
def test_what_was_fetched_is_used_and_told_with_its_version(host: Host, offer: object) -> None:
    assert offer in OFFERS
    (chosen,) = (it for it in OFFERS if it == offer)
    emulator = keep(host, chosen.package, "1:10.0")
    assert find_emulator(ARM, host) is None, "without a C library nothing can run"
    library = keep(host, "libc6-arm64-cross", "2.41-1")
    program = emulator / f"usr/bin/qemu-aarch64{chosen.suffix}"
    assert find_executor(ARM, host) == Executor(
        (str(program), "-L", str(library / "usr/aarch64-linux-gnu")),
        f"under qemu-aarch64 of {chosen.package} 1:10.0, with libc6-arm64-cross 2.41-1",
    )


def test_what_was_left_half_made_is_not_used(host: Host) -> None:
    keep(host, "qemu-user", "1:10.0")
    (host.cache / "emulators" / "libc6-arm64-cross").mkdir()
    assert find_emulator(ARM, host) is None


def test_every_foreign_abi_of_linux_has_its_packages() -> None:
    packages = [needed_packages(make_target(Platform.LINUX, abi)) for abi in Abi]
    assert len(set(packages)) == len(Abi)
    assert {it[0] for it in packages} == {OFFERS[0].package}
    assert not needed_packages(ANDROID)
    for abi in Abi:
        known = target_facts(make_target(Platform.LINUX, abi))
        assert known.emulator, abi
        assert known.sysroot.startswith("/usr/"), abi


def test_nothing_is_fetched_for_programs_that_never_run_here(host: Host) -> None:
    told = fetch_executor(ANDROID, host, progress=NoProgress())
    assert told == "android programs do not run here; --runner names what runs them"
    assert not can_fetch(ANDROID, host)
    assert not (host.cache / "emulators").exists()


def test_fetching_takes_apt_and_a_mirror_of_debian(host: Host, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "sources.list").write_text("deb http://mirror.example/debian trixie main\n")
    assert not can_fetch(ARM, host, etc=etc)
    bin_folder = Path(host.env["PATH"])
    bin_folder.mkdir(exist_ok=True)
    (bin_folder / "apt-get").touch(mode=0o755)
    assert can_fetch(ARM, host, etc=etc)
    (etc / "sources.list").write_text("deb http://mirror.example/ubuntu noble main\n")
    assert not can_fetch(ARM, host, etc=etc)
