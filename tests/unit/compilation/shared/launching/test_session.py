from dataclasses import replace
from pathlib import Path

import pytest

from builder.compilation.shared.launching.hits import Statistics
from builder.compilation.shared.launching.launchers import Launcher
from builder.compilation.shared.launching.session import Launched, launching
from builder.foundation.process import Command, Completed, Host
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan
from tests.places import TESTS

RECORDED = TESTS / "recorded" / "launchers"
TOOLCHAIN = make_plan().toolchain


@pytest.fixture
def told() -> list[str]:
    return []


def with_launcher(host: Host, name: str, **env: str) -> Host:
    path = Path(host.env["PATH"]) / name
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return replace(host, launcher=str(path), env={**host.env, **env})


def test_without_a_wish_nothing_is_started(host: Host, runner: FakeRunner, told: list[str]) -> None:
    with launching(TOOLCHAIN, host, told.append) as launch:
        assert launch is None
    assert not runner.commands


def test_each_build_has_a_server_of_sccache_of_its_own(
    host: Host, runner: FakeRunner, told: list[str]
) -> None:
    stats = (RECORDED / "sccache-0.16.json").read_text()
    runner.answer("sccache", stats)
    asked = with_launcher(host, "sccache", SCCACHE_REDIS_ENDPOINT="redis://u:secret@host")
    with launching(TOOLCHAIN, asked, told.append) as launch:
        assert launch
        assert launch.serves
        socket = Path(launch.environment["SCCACHE_SERVER_UDS"])
        assert launch.environment["SCCACHE_BASEDIRS"] == str(host.cache)
    words = [it.argv[1] for it in runner.commands]
    assert words == ["--start-server", "--show-stats", "--stop-server"]
    assert {it.env["SCCACHE_SERVER_UDS"] for it in runner.commands} == {str(socket)}
    assert "secret" not in "".join(map(str, runner.commands)), "commands are logged and shown"
    assert runner.commands[0].env["SCCACHE_REDIS_ENDPOINT"] == "redis://u:secret@host"
    assert launch.outcome() == Launched("sccache", Statistics(16, 10, 2), "")
    assert not socket.parent.exists()
    assert not told


def test_what_the_user_tells_a_launcher_wins(host: Host, told: list[str]) -> None:
    asked = with_launcher(host, "sccache", SCCACHE_BASEDIRS="/mine", OTHER="not passed on")
    with launching(TOOLCHAIN, asked, told.append) as launch:
        assert launch
        assert launch.environment["SCCACHE_BASEDIRS"] == "/mine"
        assert "OTHER" not in launch.environment


def test_a_server_of_the_users_own_is_left_alone(
    host: Host, runner: FakeRunner, told: list[str]
) -> None:
    asked = with_launcher(host, "sccache", SCCACHE_SERVER_UDS="/mine")
    with launching(TOOLCHAIN, asked, told.append):
        pass
    assert len(runner.commands) == 3
    assert "/mine" not in {it.env["SCCACHE_SERVER_UDS"] for it in runner.commands}


def test_what_launchers_hash_names_no_path(host: Host, tmp_path: Path, told: list[str]) -> None:
    asked = with_launcher(host, "ccache")
    texts: list[list[bytes]] = []
    for place in ("one", "two/deeper"):
        with launching(TOOLCHAIN, replace(asked, cache=tmp_path / place), told.append) as launch:
            assert launch
            folder = Path(launch.environment["LAUNCHED_TOOLS"])
            texts.append([(folder / it).read_bytes() for it in ("clang", "clang++")])
    assert texts[0] == texts[1]
    assert TOOLCHAIN.digest.encode() in texts[0][0]


def test_calls_of_ccache_are_counted(host: Host, runner: FakeRunner, told: list[str]) -> None:
    with launching(TOOLCHAIN, with_launcher(host, "ccache"), told.append) as launch:
        assert launch
        log = Path(launch.environment["CCACHE_STATSLOG"])
        log.write_text((RECORDED / "ccache-4.7.log").read_text())
    assert launch.outcome() == Launched("ccache", Statistics(3, 1, 1), "")
    assert runner.programs == ["ccache"]


def test_calls_of_other_builds_are_not_counted(host: Host, tmp_path: Path, told: list[str]) -> None:
    """The file that a user names grows from one build to the next."""
    mine = tmp_path / "mine"
    mine.write_text((RECORDED / "ccache-4.7.log").read_text())
    asked = with_launcher(host, "ccache", CCACHE_STATSLOG=str(mine))
    with launching(TOOLCHAIN, asked, told.append) as launch:
        assert launch
    assert launch.outcome() == Launched("ccache", Statistics(0, 0, 0), "")


def test_one_that_does_not_start_is_given_up(
    host: Host, runner: FakeRunner, told: list[str]
) -> None:
    def answer(command: Command) -> Completed:
        starts = command.argv[1] == "--start-server"
        return (
            Completed(2, "", "starting\nsccache: error: Timed out\n")
            if starts
            else Completed(0, "", "")
        )

    runner.answer_with("sccache", answer)
    with launching(TOOLCHAIN, with_launcher(host, "sccache"), told.append) as launch:
        assert launch
        assert not launch.serves
    assert told == ["going on without sccache: it does not start (sccache: error: Timed out)"]
    assert launch.outcome().statistics is None
    assert [it.argv[1] for it in runner.commands] == ["--start-server"], "nothing to stop"


def test_another_launcher_tells_nothing(host: Host, runner: FakeRunner, told: list[str]) -> None:
    with launching(TOOLCHAIN, with_launcher(host, "distcc"), told.append) as launch:
        assert launch
        assert launch.launcher == Launcher("distcc", Path(host.env["PATH"]) / "distcc")
    assert launch.outcome() == Launched("distcc", None, "")
    assert runner.programs == ["distcc"]
