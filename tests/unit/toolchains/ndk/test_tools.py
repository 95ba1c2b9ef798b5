import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.toolchains.ndk.discovery import find_ndk
from builder.toolchains.ndk.installation import Installation
from builder.toolchains.ndk.provider import Ndk
from builder.toolchains.ndk.tools import prepare, refuse_target
from builder.vocabulary.errors import BuildRuntimeError, ToolchainError, UsageError
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.conftest import FakeRunner
from tests.ndk import PREBUILT, lay_out

ARM = make_target(Platform.ANDROID, Abi.ARM64_V8A, 24)


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder with cmake and ninja that is the only one on PATH."""
    for name in ("cmake", "ninja"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))


@pytest.fixture
def ndk(tmp_path: Path, host: Host) -> Installation:
    return find_ndk(str(lay_out(tmp_path / "the ndk")), host).ndk


def test_a_toolchain_is_wrappers_and_starts_nothing(
    ndk: Installation, host: Host, runner: FakeRunner
) -> None:
    made = prepare(ndk, ARM, host)
    link = made.cmake_file.parents[2]
    assert link.resolve() == ndk.root
    assert made.cmake_file == link / "build/cmake/android.toolchain.cmake"
    assert dict(made.variables) == {
        "ANDROID_ABI": "arm64-v8a",
        "ANDROID_PLATFORM": "android-24",
        "ANDROID_STL": "c++_static",
        "ANDROID_USE_LEGACY_TOOLCHAIN_FILE": "ON",
    }
    first, about, last = made.cxx.read_text().splitlines()
    assert first == "#!/bin/sh"
    assert about == "# NDK r24 (24.0.8215888, clang 19.0.0), android24-arm64-v8a, wrapper 1"
    tools = link / PREBUILT / "bin"
    assert last.startswith(f"exec {tools}/clang++ --target=aarch64-none-linux-android24 ")
    assert f"--sysroot={link / PREBUILT}/sysroot" in last
    assert last.endswith(f'-ffile-prefix-map={link}=ndk "$@"')
    assert made.linker.read_text().endswith(f'exec {tools}/ld.lld "$@"\n')
    assert (made.compiler.name, made.compiler.version) == ("ndk", "24.0.8215888")
    assert made.clang == "19.0.0"
    assert runner.commands == []


def test_a_level_is_compiled_with_the_libraries_that_stand_for_it(
    ndk: Installation, host: Host
) -> None:
    made = prepare(ndk, replace(ARM, api_level=25), host)
    assert "--target=aarch64-none-linux-android24 " in made.cc.read_text()
    assert "android25-arm64-v8a" in str(made.cc)


def test_the_same_ndk_elsewhere_makes_the_same_objects(
    ndk: Installation, host: Host, tmp_path: Path
) -> None:
    one = prepare(ndk, ARM, host)
    text = one.cc.read_text()
    moved = find_ndk(str(lay_out(tmp_path / "moved")), host).ndk
    other = prepare(moved, ARM, host)
    assert (other.digest, other.cc.read_text()) == (one.digest, text)
    assert other.cmake_file.parents[2].resolve() == moved.root


def test_what_decides_objects_tells_toolchains_apart(
    ndk: Installation, host: Host, tmp_path: Path
) -> None:
    known = {prepare(ndk, ARM, host).digest}
    for target in (replace(ARM, api_level=28), replace(ARM, abi=Abi.X86)):
        known.add(prepare(ndk, target, host).digest)
    library = ndk.root / ndk.libraries(Abi.ARM64_V8A, 24).parent / "libc++_static.a"
    library.write_text("another C++ library")
    known.add(prepare(ndk, ARM, host).digest)
    newer = find_ndk(str(lay_out(tmp_path / "newer", "26.1.10909125")), host).ndk
    known.add(prepare(newer, ARM, host).digest)
    assert len(known) == 5


@pytest.mark.parametrize(
    ("abi", "level", "kind", "message"),
    [
        (Abi.X86, 24, ToolchainError, "NDK r24 has no x86: "),
        (Abi.ARM64_V8A, 99, UsageError, "NDK r24 has the levels 19 to 32, not 99"),
        (Abi.ARM64_V8A, 26, ToolchainError, "is not whole: it has no toolchains/llvm/prebuilt/"),
    ],
)
def test_a_target_the_ndk_has_not_is_refused(  # noqa: PLR0917
    tmp_path: Path,
    host: Host,
    abi: Abi,
    level: int,
    kind: type[BuildRuntimeError],
    message: str,
) -> None:
    root = lay_out(tmp_path / "ndk", abis=[Abi.ARM64_V8A])
    target = make_target(Platform.ANDROID, abi, level)
    with pytest.raises(kind, match=message) as caught:
        refuse_target(find_ndk(str(root), host).ndk, target)
    assert "--ndk" in caught.value.hint


def test_the_provider_finds_tells_and_refuses(ndk: Installation, host: Host) -> None:
    provider = Ndk(str(ndk.root))
    assert provider.find(host).path == ndk.root
    assert provider.told(host) == (f"{ndk} at {ndk.root} (--ndk {ndk.root})",)
    provider.refuse(ARM, host)
    assert provider.prepare(ARM, host).target == ARM
