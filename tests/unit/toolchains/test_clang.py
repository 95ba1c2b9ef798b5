from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.toolchains.clang import configuration, learn_clang
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import Program, Toolchain
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.conftest import FakeRunner

PROCESSOR = ("-march=x86-64",)
ANSWER = (
    "zig: noise\n"
    "/opt/zi g/zig clang /dev/null --no-default-config -target x86_64-unknown-linux-gnu2.28.0 -fPIC"
    " -MD -MV -isystem {headers}/libcxx/include -isystem {headers}/include -DNDEBUG -Os"
    " -fno-stack-protector -Xclang -target-cpu -Xclang x86-64 -Xclang -target-feature -Xclang -avx"
    " -### -S -x {language} -o probe.s\n"
    "clang version 22.1.8\n"
)


@pytest.fixture
def host(host: Host) -> Host:
    return replace(host, cache=host.cache / "of Zoë")


@pytest.fixture
def toolchain(host: Host) -> Toolchain:
    root = host.cache / "toolchains" / "linux-x86_64-zig"
    root.mkdir(parents=True)
    assert " " in str(root), "the name of a cache may have one, and zig quotes nothing"
    return Toolchain(
        target=make_target(Platform.LINUX, Abi.X86_64),
        cmake=Path("cmake"),
        ninja=Path("ninja"),
        compiler=Program("zig", Path("/opt/zi g/zig"), "0.17.1"),
        clang="22.1.8",
        cc=root / "cc",
        cxx=root / "cxx",
        ar=root / "ar",
        linker=root / "ld",
        cmake_file=Path("wrappers.cmake"),
        digest="d",
    )


@pytest.fixture
def headers(host: Host) -> Path:
    return host.cache / "toolchains" / "zig-0.17.1"


@pytest.fixture
def zig(runner: FakeRunner, headers: Path) -> FakeRunner:
    """Let the wrapped compilers say what they would call, as zig does."""

    def say(command: Command) -> Completed:
        language = command.argv[command.argv.index("-x") + 1]
        return Completed(0, "", ANSWER.format(headers=headers, language=language))

    for name in ("cc", "cxx"):
        runner.answer_with(name, say)
    return runner


def test_zig_is_asked_once_for_each_language(
    zig: FakeRunner, toolchain: Toolchain, headers: Path, host: Host
) -> None:
    for _ in range(2):
        learn_clang(toolchain, headers, PROCESSOR, host)
    asked = [(Path(it.argv[0]).name, it.argv[it.argv.index("-x") + 1]) for it in zig.commands]
    assert asked == [("cc", "c"), ("cxx", "c++")]
    assert not [it for it in zig.commands if "-c" in it.argv], "the wrapper would not ask zig then"


def test_what_is_kept_is_about_every_file_and_no_place(
    zig: FakeRunner, toolchain: Toolchain, headers: Path, host: Host
) -> None:
    del zig
    learn_clang(toolchain, headers, PROCESSOR, host)
    lines = configuration(toolchain.cxx).read_text().splitlines()
    assert lines == [
        "--no-default-config", "-target", "x86_64-unknown-linux-gnu2.28.0", "-fPIC",
        "-isystem", "<CFGDIR>/../zig-0.17.1/libcxx/include",
        "-isystem", "<CFGDIR>/../zig-0.17.1/include",
        "-DNDEBUG", "-fno-stack-protector", "-march=x86-64",
    ]  # fmt: skip
    assert str(host.cache) not in "\n".join(lines)


@pytest.mark.parametrize(
    ("stderr", "status", "reason"),
    [("error: unable to find libc\n", 1, "unable to find libc"), ("", 0, "no output")],
)
def test_a_zig_that_does_not_say_is_repeatable_by_hand(  # noqa: PLR0917
    runner: FakeRunner, toolchain: Toolchain, headers: Path, host: Host,
    stderr: str, status: int, reason: str,
) -> None:  # fmt: skip
    runner.answer("cc", stderr=stderr, status=status)
    with pytest.raises(ToolchainError, match=reason) as caught:
        learn_clang(toolchain, headers, PROCESSOR, host)
    assert "does not say how it compiles for linux-x86_64" in caught.value.message
    assert "ZIG_VERBOSE_CC=1" in caught.value.hint
    assert not configuration(toolchain.cc).exists()
