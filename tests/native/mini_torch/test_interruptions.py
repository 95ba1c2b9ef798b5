"""Builds that are interrupted or killed, and builds at the same time, in one cache."""

import os
import re
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from builder.foundation.files import locked
from tests.e2e.real import Runtime, interrupt, objects, wait_until
from tests.native.mini_torch.workshop import Workshop


def test_an_interrupted_build_goes_on_and_gives_the_same_bytes(
    workshop: Workshop, first: Runtime
) -> None:
    tool = workshop.tool
    words = (*workshop.words(*workshop.first), "--jobs", "1")
    process = tool.start(*words, cwd=workshop.folder)
    wait_until(lambda: len(objects(tool)) >= 3, process, seconds=120)
    done = interrupt(process)
    assert done.code == 130
    assert done.stderr.endswith("interrupted: the same command goes on from here\n")
    kept = objects(tool)
    assert len(kept) >= 2  # ninja removes the one that was being written

    process = tool.start(*words, cwd=workshop.folder)
    wait_until(lambda: len(objects(tool)) >= len(kept) + 3, process, seconds=120)
    process.kill()
    process.communicate()

    # at once, while a compiler of the killed command may still be at work
    made = workshop.build(*workshop.first)
    after = objects(tool)
    assert {path: after[path] for path in kept} == kept
    assert made.library.read_bytes() == first.library.read_bytes()
    assert made.archive.read_bytes() == first.archive.read_bytes()


def test_two_builds_at_once_share_a_cache(workshop: Workshop, first: Runtime) -> None:
    tool = workshop.tool
    one = tool.start(*workshop.words(*workshop.first), "-o", "one", cwd=workshop.folder)
    wait_until(lambda: len(objects(tool)) >= 1, one, seconds=120)
    words = (*workshop.words(*workshop.first, *workshop.second), "-o", "two")
    two = tool.start(*words, cwd=workshop.folder)
    said = [process.communicate(timeout=300) for process in (one, two)]
    for process, (stdout, stderr) in zip((one, two), said, strict=True):
        assert process.returncode == 0, stderr
        assert "passed   registered operators" in stdout
    building = "building linux-x86_64 for net, net.yaml"
    holder = rf"waiting for process {one.pid}, since \d\d:\d\d:\d\d: {building}\n"
    assert re.search(holder, said[1][1])
    (archive,) = (workshop.folder / "one").glob("*.tar.gz")
    assert archive.read_bytes() == first.archive.read_bytes()


@pytest.mark.parametrize(
    "locks", ["toolchains/*.lock", "generated/*.lock", "objects/*/lock", "builds/*/lock"]
)
def test_whoever_waits_says_for_whom(
    locks: str, used: Workshop, first: Runtime, tmp_path: Path
) -> None:
    cache = used.tool.cache
    shutil.rmtree(cache / "results", ignore_errors=True)
    with ExitStack() as stack:
        for path in cache.glob(locks):
            stack.enter_context(locked(path, doing="holding locks"))
            if path.parent.name == "generated":
                shutil.rmtree(path.with_suffix(""))
        process = used.tool.start(*used.words(*used.first), "-o", tmp_path, cwd=used.folder)
        assert process.stderr is not None
        silent = threading.Timer(60, process.kill)
        silent.start()
        told = next((line for line in process.stderr if "waiting" in line), "nothing")
        silent.cancel()
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    holder = rf"waiting for process {os.getpid()}, since \d\d:\d\d:\d\d: holding locks\n"
    assert re.search(holder, told)
    (archive,) = tmp_path.glob("*.tar.gz")
    assert archive.read_bytes() == first.archive.read_bytes()


def test_a_plan_waits_for_no_build(workshop: Workshop) -> None:
    tool = workshop.tool
    build = tool.start(*workshop.words(*workshop.first), "--jobs", "1", cwd=workshop.folder)
    wait_until(lambda: len(objects(tool)) >= 2, build, seconds=120)
    planned = tool.run("plan", *workshop.words(*workshop.second), cwd=workshop.folder)
    assert build.poll() is None, "the build was over before the plan"
    assert "waiting" not in planned.stderr
    assert interrupt(build).code == 130


def test_the_same_build_twice_at_once(workshop: Workshop, first: Runtime) -> None:
    outputs = ("one", "two")
    words = workshop.words(*workshop.first)
    running = [workshop.tool.start(*words, "-o", it, cwd=workshop.folder) for it in outputs]
    for process, output in zip(running, outputs, strict=True):
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        (archive,) = (workshop.folder / output).glob("*.tar.gz")
        assert archive.read_bytes() == first.archive.read_bytes()
