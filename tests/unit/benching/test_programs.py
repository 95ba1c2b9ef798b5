from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from builder.benching.programs import time_program
from builder.foundation.process import Completed, Host
from builder.vocabulary.errors import VerificationError
from tests.conftest import FakeRunner
from tests.unit.benching.forge import PROGRAM, sample, told


def test_the_program_times_itself(host: Host, runner: FakeRunner) -> None:
    runner.answer("build-runtime-run", told(sample(7.5)))
    assert time_program(PROGRAM, 2, 10, host) == sample(7.5)
    (command,) = runner.commands
    assert command.argv == (
        "/dist/bin/build-runtime-run", "/net.ptl", "--inputs", "/inputs",
        "--threads", "2", "--bench", "10", "--warmup", "3",
    )  # fmt: skip


def test_an_emulator_comes_first(host: Host, runner: FakeRunner) -> None:
    runner.answer("qemu-arm", told(sample(1)))
    time_program(replace(PROGRAM, prefix=("qemu-arm", "-L", "/c")), 1, 1, host)
    assert runner.commands[0].argv[:4] == ("qemu-arm", "-L", "/c", str(PROGRAM.path))


LONG = told(sample(1)).replace('"peak_rss_kib": 4096', '"peak_rss_kib": Infinity')
"""What Python reads as a number, and no program should tell."""


@dataclass
class Device:
    """It answers the same to all that it is asked, and remembers that."""

    answer: Completed
    asked: list[tuple[str | Path, ...]] = field(default_factory=list)

    def run(self, program: Path, *arguments: str | Path, host: Host, within: float) -> Completed:
        del host, within
        self.asked.append((program, *arguments))
        return self.answer

    def line(self, program: Path, *arguments: str | Path) -> str:
        del arguments
        return f"far {program}"


def test_elsewhere_gets_files_as_paths(host: Host) -> None:
    """A device has to be given them."""
    device = Device(Completed(0, told(sample(7.5)), ""))
    program = replace(PROGRAM, elsewhere=device)
    assert time_program(program, 1, 1, host) == sample(7.5)
    assert [it for it in device.asked[0] if isinstance(it, Path)] == [
        PROGRAM.path, PROGRAM.model, PROGRAM.inputs,
    ]  # fmt: skip
    device.answer = Completed(1, "", "no room")
    with pytest.raises(VerificationError, match="no room") as raised:
        time_program(program, 1, 1, host)
    assert raised.value.hint == f"repeat it by hand: far {PROGRAM.path}"


def test_what_fails_is_told_with_how_to_repeat_it(host: Host, runner: FakeRunner) -> None:
    runner.answer("build-runtime-run", stderr="error: no such method\n", status=6)
    with pytest.raises(VerificationError, match="no such method") as raised:
        time_program(PROGRAM, 1, 1, host)
    assert "--bench 1" in raised.value.hint


def test_an_option_it_does_not_know_is_of_a_later_release(host: Host, runner: FakeRunner) -> None:
    runner.answer("build-runtime-run", stderr="error: --marks: unknown option", status=2)
    with pytest.raises(VerificationError, match="--marks") as raised:
        time_program(PROGRAM, 1, 1, host)
    assert "build it again" in raised.value.hint


@pytest.mark.parametrize("text", ["", "[]", '{"latency_us": {"median": 1}}', LONG])
def test_a_program_that_tells_no_times_is_of_an_older_release(
    text: str, host: Host, runner: FakeRunner
) -> None:
    runner.answer(Path(PROGRAM.path).name, text)
    with pytest.raises(VerificationError, match="does not tell"):
        time_program(PROGRAM, 1, 1, host)
