from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.compilation.shared.launching import launchers
from builder.compilation.shared.launching.launchers import Launcher, find_launcher
from builder.foundation.process import Host
from builder.vocabulary.errors import ToolchainError, UsageError


def with_programs(host: Host, *names: str, wish: str = "auto", **env: str) -> Host:
    folder = Path(host.env["PATH"])
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return replace(host, launcher=wish, env={**host.env, **env})


@pytest.fixture(autouse=True)
def _beside_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have a launcher installed."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))


def test_there_is_none_unless_it_is_asked_for(host: Host) -> None:
    assert find_launcher(with_programs(host, "sccache", wish="off")) is None


@pytest.mark.parametrize(
    ("there", "cmake", "taken"),
    [
        (("ccache", "sccache"), "", "sccache"),
        (("ccache",), "", "ccache"),
        (("ccache", "sccache"), "ccache", "ccache"),
        (("ccache",), "distcc", "ccache"),
        ((), "", None),
    ],
)
def test_auto_takes_the_one_the_user_has(
    there: tuple[str, ...], cmake: str, taken: str | None, host: Host
) -> None:
    asked = with_programs(host, *there, CMAKE_CXX_COMPILER_LAUNCHER=cmake)
    found = find_launcher(asked)
    assert (found and found.name) == taken


def test_a_path_is_taken_as_it_is(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "bin" / "mine"
    found = find_launcher(with_programs(host, "mine", wish=str(path)))
    assert found == Launcher("mine", path)


def test_one_that_is_not_there_is_refused(host: Host) -> None:
    with pytest.raises(ToolchainError, match="no compiler launcher scache"):
        find_launcher(with_programs(host, "sccache", wish="scache"))


@pytest.mark.parametrize(
    "address",
    [
        "localhost", "redis//host", "tcp://", "http://[::1", "redis://host:port", "host:6379",
        "redis://host:0", "redis://one redis//two",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str, host: Host) -> None:
    asked = with_programs(host, "sccache", CCACHE_REMOTE_STORAGE=address)
    with pytest.raises(UsageError, match="CCACHE_REMOTE_STORAGE holds no address") as refused:
        find_launcher(asked)
    assert address not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "redis://localhost", "rediss://:password@host:6379/2", "tcp://127.0.0.1:6379",
        "unix:///run/redis", "redis://one:1|shards=a,b http://two", "file:/srv/objects", "",
    ],
)  # fmt: skip
def test_addresses_of_all_kinds_are_taken(address: str, host: Host) -> None:
    assert find_launcher(with_programs(host, "ccache", CCACHE_REMOTE_STORAGE=address))


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert launchers._is_address(text) in {True, False}
