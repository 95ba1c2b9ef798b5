"""A build that is killed or interrupted goes on where it stopped, and gives the same bytes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.real import (
    CLASSIFIER,
    CLASSIFIER_SHAPE,
    Runtime,
    Tool,
    built,
    interrupt,
    objects,
    wait_until,
)

WORDS = (CLASSIFIER, "--abi", "x86_64", *CLASSIFIER_SHAPE, "--json")


@pytest.fixture(scope="module")
def cold(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """Return a cache of its own that shares the sources alone (and zig's libc++): no object."""
    tool.run("plan", CLASSIFIER, "--abi", "x86_64", cwd=tmp_path_factory.mktemp("plan"))
    cache = tmp_path_factory.mktemp("cold")
    for name in ("sources", "zig"):
        (cache / name).symlink_to(tool.cache / name)
    return Tool(cache)


def still_running(tool: Tool) -> list[str]:
    """Return the commands that still work on a cache: compilers run in a folder of it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = (entry / "cwd").resolve(strict=True).is_relative_to(tool.cache)
            if inside or str(tool.cache) in line:
                found.append(line)
    return found


def assert_kept(tool: Tool, before: dict[Path, int]) -> None:
    now = objects(tool)
    changed = [path.name for path, when in before.items() if now.get(path) != when]
    assert not changed, "these were compiled already"


def test_ctrl_c_and_kill_lose_nothing(cold: Tool, tmp_path: Path) -> None:
    process = cold.start(*WORDS, cwd=tmp_path)
    wait_until(lambda: len(objects(cold)) >= 6, process, seconds=300)
    done = interrupt(process)
    assert done.code == 130
    assert done.stderr.endswith("interrupted: the same command goes on from here\n")
    assert not still_running(cold)
    first = objects(cold)
    assert len(first) >= 4  # ninja removes those that were being written

    process = cold.start(*WORDS, cwd=tmp_path)
    wait_until(lambda: len(objects(cold)) >= len(first) + 6, process, seconds=300)
    process.kill()
    process.communicate()
    assert_kept(cold, first)
    second = objects(cold)

    # at once, while the compilers of the killed command may still be at work
    process = cold.start(*WORDS, cwd=tmp_path)
    wait_until(lambda: len(objects(cold)) >= len(second) + 6, process, seconds=300)
    assert interrupt(process).code == 130
    assert_kept(cold, first)
    assert not (tmp_path / "dist").exists()


@pytest.mark.slow
def test_a_second_cold_build_elsewhere_gives_the_same_bytes(
    cold: Tool, tmp_path: Path, runtime: Callable[[str, str], Runtime]
) -> None:
    """What the interrupted builds left is used, all else is compiled again: equal, bit for bit."""
    before = objects(cold)
    (made,) = built(cold.run(*WORDS, cwd=tmp_path), tmp_path / "dist")
    after = objects(cold)
    assert {path: after[path] for path in before} == before
    first = runtime("classifier", "x86_64")
    assert made.library.read_bytes() == first.library.read_bytes()
    assert made.archive.read_bytes() == first.archive.read_bytes()
