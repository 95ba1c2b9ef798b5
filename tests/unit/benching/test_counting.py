from pathlib import Path
from typing import Final

import pytest

from builder.benching.counting import Counter, count_instructions, make_counter
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import ToolchainError
from tests.conftest import FakeRunner
from tests.unit.benching.forge import PROGRAM

QEMU: Final = Path("/bin/qemu-arm")
COMPILER: Final = ("cc",)


@pytest.fixture
def compiler(runner: FakeRunner) -> FakeRunner:
    def compile_plugin(command: Command) -> Completed:
        Path(command.argv[-1]).touch()
        return Completed(0, "", "")

    runner.answer_with("cc", compile_plugin)
    runner.answer("qemu-arm", "-plugin   QEMU_PLUGIN")
    return runner


def test_the_plugin_is_built_once(host: Host, compiler: FakeRunner) -> None:
    first = make_counter(QEMU, Path("/sysroot"), COMPILER, host)
    assert make_counter(QEMU, Path("/sysroot"), COMPILER, host) == first
    assert compiler.programs.count("cc") == 1
    assert first.plugin.is_file()
    assert first.prefix == (
        "/bin/qemu-arm", "-L", "/sysroot", "-plugin", str(first.plugin), "-d", "plugin"
    )  # fmt: skip
    assert Counter(QEMU, None, first.plugin).prefix[1] == "-plugin"


def test_a_run_is_what_one_run_more_executes(host: Host, compiler: FakeRunner) -> None:
    def run(command: Command) -> Completed:
        runs = int(command.argv[command.argv.index("--bench") + 1])
        return Completed(0, "{}", f"a warning\ninstructions: {5_000_000 + 1234 * runs}\n")

    compiler.answer_with("qemu-arm", run)
    assert count_instructions(PROGRAM, Counter(QEMU, None, Path("/p.so")), host) == 1234
    assert all("--threads 1 " in f"{it} " for it in compiler.commands)


def test_an_emulator_without_plugins_is_named(host: Host, compiler: FakeRunner) -> None:
    compiler.answer("qemu-arm", "usage: qemu-arm [options] program")
    with pytest.raises(ToolchainError, match="takes no plugins"):
        make_counter(QEMU, None, COMPILER, host)


def test_a_plugin_that_does_not_compile_is_told(host: Host, runner: FakeRunner) -> None:
    runner.answer("cc", stderr="no such header", status=1)
    with pytest.raises(ToolchainError, match="no such header"):
        make_counter(QEMU, None, COMPILER, host)
    assert not list((host.cache / "emulators").glob("plugin-*"))


def test_an_emulator_that_counts_nothing_is_told(host: Host, compiler: FakeRunner) -> None:
    compiler.answer("qemu-arm", "{}")
    with pytest.raises(ToolchainError, match="did not tell"):
        count_instructions(PROGRAM, Counter(QEMU, None, Path("/p.so")), host)
