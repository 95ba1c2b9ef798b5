import io
import re
import sys

import pytest

from builder.foundation import console
from builder.foundation.console import Console, make_console


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(console, "time", clock)
    return clock


def test_steps_are_lines_with_the_time_so_far(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Console(stream, quiet=False, terminal=False)
    shown.step("reading models")
    clock.now += 12.34
    shown.step("linking")
    shown.note("platform: linux")
    assert stream.getvalue() == ("[   0.0 s] reading models\n[  12.3 s] linking\nplatform: linux\n")


def test_a_long_compilation_says_now_and_then_how_far_it_is(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Console(stream, quiet=False, terminal=False)
    shown.step("compiling")
    for done in range(1, 71):
        clock.now += 1
        shown.compiled(done, 250, f"{done}.cpp")
    assert stream.getvalue().splitlines()[1:] == [
        "[  30.0 s]   30 of 250 files, 30.cpp", "[  60.0 s]   60 of 250 files, 60.cpp",
    ]  # fmt: skip


def test_downloads_say_how_large_they_are() -> None:
    stream = io.StringIO()
    shown = Console(stream, quiet=False, terminal=False)
    shown.started("fetching pytorch", 12_345_678)
    shown.advanced("fetching pytorch", 100)
    shown.finished("fetching pytorch")
    shown.started("unpacking", None)
    lines = [line.split("] ")[1] for line in stream.getvalue().splitlines()]
    assert lines == ["fetching pytorch (12.3 MB)", "unpacking"]


def test_quiet_keeps_the_notes_only() -> None:
    stream = io.StringIO()
    shown = Console(stream, quiet=True, terminal=True)
    shown.step("compiling")
    shown.compiled(1, 2, "a.cpp")
    shown.started("fetching", 10)
    shown.advanced("fetching", 5)
    shown.finished("fetching")
    shown.note("the models were not run")
    shown.close()
    assert stream.getvalue() == "the models were not run\n"


def test_a_terminal_sees_bars_that_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    shown = Console(stream, quiet=False, terminal=True)
    shown.compiled(1, 250, "a.cpp")
    shown.compiled(2, 251, "b.cpp")
    shown.step("linking")
    for name, total in (("fetching", None), ("unpacking", 10_000_000)):
        shown.started(name, total)
        shown.advanced(name, 5_000_000)
        shown.finished(name)
    shown.step("packaging")
    shown.close()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "  2/251 " in text
    assert "b.cpp" in text
    assert "5.0/? MB" in text or "5.0/5.0 MB" in text
    assert "5.0/10.0 MB" in text
    assert text.rstrip().endswith("] packaging"), "the bars are gone, lines stay"


def test_ci_gets_lines_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    make_console(quiet=False, ci=True).compiled(1, 2, "a.cpp")
    assert not stream.getvalue()
