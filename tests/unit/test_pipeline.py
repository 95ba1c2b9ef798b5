"""The order of the stages: what is refused before anything is fetched or built."""

from dataclasses import replace
from pathlib import Path

import pytest

from builder.errors import ToolchainError
from builder.model import Abi, Limits, Platform, SourceTree, Target
from builder.pipeline import Request, find_targets
from builder.pipeline.results import request_name
from builder.process import Host
from builder.source import SourceRequest
from builder.targets import make_target


class Heard:
    """Events that only remember what was said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, text: str) -> None:
        raise AssertionError(text)

    def compiled(self, done: int, known: int, name: str) -> None:
        raise AssertionError(done, known, name)

    def started(self, name: str, total: int | None) -> None:
        raise AssertionError(name, total)

    def advanced(self, name: str, done: int) -> None:
        raise AssertionError(name, done)

    def finished(self, name: str) -> None:
        raise AssertionError(name)


def request(platform: str) -> Request:
    return Request(
        models=(Path("m.pt"),),
        abis=(Abi.ARM64_V8A, Abi.X86),
        platform=platform,
        output=Path("dist"),
        source=SourceRequest(directory=None),
        dtypes=None,
        inputs=(),
        verify=True,
        require_run=False,
    )


def test_auto_is_linux_and_says_so_in_one_line(host: Host) -> None:
    heard = Heard()
    targets = find_targets(request("auto"), host, heard)
    assert [str(target) for target in targets] == ["linux-arm64-v8a", "linux-x86"]
    assert len(heard.notes) == 1
    assert "linux" in heard.notes[0]
    assert "zig" in heard.notes[0]


def test_an_ndk_that_is_not_driven_is_named(host: Host) -> None:
    heard = Heard()
    find_targets(request("auto"), replace(host, env={"ANDROID_NDK_HOME": "/ndk"}), heard)
    assert "$ANDROID_NDK_HOME is set, but this release does not drive it" in heard.notes[0]


def test_a_named_platform_needs_no_words(host: Host) -> None:
    heard = Heard()
    targets = find_targets(request("linux"), host, heard)
    assert all(isinstance(target, Target) for target in targets)
    assert not heard.notes


def test_android_is_refused_before_anything_is_done(host: Host) -> None:
    with pytest.raises(ToolchainError, match="no toolchain for android") as caught:
        find_targets(request("android"), host, Heard())
    assert "--platform linux" in caught.value.hint


def test_another_tolerance_is_another_request(host: Host) -> None:
    """What was proven less strictly is no answer for `--exact`."""
    source = SourceTree("2.6.0", "d" * 64, "cache", ())
    target = make_target(Platform.LINUX, Abi.X86_64)
    names = {
        request_name(replace(request("linux"), limits=limits), (), source, target, host)
        for limits in (Limits(), Limits(exact=True), Limits(relative=0.5), Limits(absolute=0.5))
    }
    assert len(names) == 4
