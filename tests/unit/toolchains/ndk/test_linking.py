import sys
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.toolchains.ndk.discovery import find_ndk
from builder.toolchains.ndk.linking import RECIPE, learned_link
from builder.toolchains.ndk.tools import prepare
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import LinkLine, Toolchain
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.conftest import FakeRunner
from tests.ndk import PREBUILT, lay_out

LINE = (
    ' "{bin}/ld.lld" "-EL" "--fix-cortex-a53-843419" "-z" "now" "-z" "max-page-size=16384"'
    ' "--hash-style=gnu" "-m" "aarch64linux" "-shared" "-o" "probe.so" "{level}/crtbegin_so.o"'
    ' "-L{level}" "-L{folder}" "/tmp/probe.o" "-lc" "-lm" "-ldl" "-llog" "-Bstatic" "-lc++"'
    ' "-Bdynamic" "-lm" "{folder}/libclang_rt.builtins.a" "-l:libunwind.a" "-ldl" "-lc"'
    ' "{folder}/libclang_rt.builtins.a" "-l:libunwind.a" "-ldl" "{level}/crtend_so.o"\n'
)
"""What clang 19 prints for an NDK, with short paths."""


@pytest.fixture
def toolchain(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    for name in ("cmake", "ninja"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))
    root = lay_out(tmp_path / "ndk")
    folder = root / PREBUILT / "sysroot/usr/lib/aarch64-linux-android"
    for name in ("libunwind.a", "libclang_rt.builtins.a"):
        (folder / name).touch()
    for name in ("libm.so", "libdl.so", "liblog.so", "crtbegin_so.o", "crtend_so.o"):
        (folder / "24" / name).touch()
    (folder / "24/libc++.a").write_text("INPUT(-lc++_static -lc++abi)")
    return prepare(
        find_ndk(str(root), host).ndk, make_target(Platform.ANDROID, Abi.ARM64_V8A), host
    )


@pytest.fixture
def clang(toolchain: Toolchain, runner: FakeRunner) -> FakeRunner:
    """Let the wrapped compiler tell how it links."""
    link = toolchain.cmake_file.parents[2]
    folder = link / PREBUILT / "sysroot/usr/lib/aarch64-linux-android"

    def tell(command: Command) -> Completed:
        assert "-###" in command.argv
        line = LINE.format(bin=link / PREBUILT / "bin", folder=folder, level=folder / "24")
        return Completed(0, "", f'clang version 19\n "clang" "-cc1"\n{line}')

    runner.answer_with("cxx", tell)
    return runner


def learn(made: Toolchain, host: Host) -> LinkLine:
    with learned_link(made, host) as link_line:
        return link_line()


def test_the_compiler_names_libraries_and_scripts_lead_on(
    toolchain: Toolchain, clang: FakeRunner, host: Host
) -> None:
    line = learn(toolchain, host)
    assert line.flags == ("--fix-cortex-a53-843419", "-m", "aarch64linux")
    assert [it.name for it in line.libraries] == [
        "crtbegin_so.o", "libc.so", "libm.so", "libdl.so", "liblog.so", "libc++_static.a",
        "libc++abi.a", "libclang_rt.builtins.a", "libunwind.a", "crtend_so.o",
    ]  # fmt: skip
    assert [it.name for it in line.shared] == ["libc.so", "libm.so", "libdl.so", "liblog.so"]
    assert all(it.is_relative_to(host.cache) for it in line.libraries), "the cache may be moved"
    assert learn(toolchain, host) == line
    assert len(clang.commands) == 1


def test_nobody_asks_before_a_link(toolchain: Toolchain, clang: FakeRunner, host: Host) -> None:
    with learned_link(toolchain, host):
        pass
    assert clang.commands == []


@pytest.mark.parametrize(
    ("stderr", "status", "reason"),
    [
        ("clang++: error: unknown target triple\n", 1, "unknown target triple"),
        ("", 0, "no output"),
        (' "ld.lld" "-lnone"\n', 0, "no library none in "),
    ],
)
def test_a_compiler_that_cannot_link_is_repeatable_by_hand(  # noqa: PLR0917
    toolchain: Toolchain, runner: FakeRunner, host: Host, stderr: str, status: int, reason: str
) -> None:
    runner.answer("cxx", stderr=stderr, status=status)
    with pytest.raises(ToolchainError, match=reason) as caught:
        learn(toolchain, host)
    assert "ndk 24.0.8215888 cannot link a C++ library for android24-arm64-v8a" in str(caught.value)
    assert "-###" in caught.value.hint
    assert not list(host.cache.rglob(RECIPE))
