"""The git provider against real repositories on this machine."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.fetching.progress import NoProgress, Unavailable
from builder.foundation.process import Host, SubprocessRunner
from builder.source import store
from builder.source.git import open_git
from builder.source.pins import Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.providers import SourceProvider
from tests.unit.source.small import FILES, Recorder, listed, release, write


def _git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(repository)},
    )
    return done.stdout.strip()


def _commit(repository: Path, files: dict[str, str]) -> str:
    write(repository, files)
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "x")
    return _git(repository, "rev-parse", "HEAD")


@pytest.fixture
def upstream(tmp_path: Path, require: Callable[[str], Path]) -> Release:
    """A repository whose tag pins an old commit of another one, and two it never needs."""
    require("git")
    fmt, top = tmp_path / "fmt", tmp_path / "pytorch"
    for repository in (fmt, top):
        repository.mkdir()
        _git(repository, "init", "-q")
    pinned = _commit(fmt, FILES["fmt"])
    _commit(fmt, {"include/fmt.h": "// newer"})
    _git(top, "update-index", "--add", "--cacheinfo", f"160000,{pinned},third_party/fmt")
    modules = (
        f'[submodule "deps/fmt"]\n\tpath = third_party/fmt\n\turl = file://{fmt}\n'
        '[submodule "gone"]\n\tpath = third_party/gone\n\turl = file:///nowhere\n'
    )
    write(top, {**FILES["pytorch"], ".gitmodules": modules, "crlf.txt": "a\r\nb\n"})
    _git(top, "add", ".gitmodules", "version.txt", "c10", "crlf.txt")
    _git(top, "commit", "-q", "-m", "x")
    commit = _git(top, "rev-parse", "HEAD")
    _git(top, "tag", "-a", "-m", "release", "v2.6.0")
    return release(url=f"file://{top}", commit=commit)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    return Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache dir", jobs=2)


def test_the_tag_and_only_the_submodules_needed(upstream: Release, host: Host) -> None:
    progress = Recorder()
    tree = open_git(upstream, host, progress, offline=False)
    assert (tree.root("fmt") / "include/fmt.h").read_text() == FILES["fmt"]["include/fmt.h"]
    assert listed(tree.root("pytorch")) >= {"version.txt", "c10/core.h"}
    assert (tree.root("pytorch") / "crlf.txt").read_bytes() == b"a\r\nb\n"
    assert tree.components[0].version == upstream.commit
    assert tree == store.find_tree(host.cache / "sources", upstream, SourceProvider.GIT)
    assert progress.steps == ["fetch pytorch", "fetch fmt", "check out pytorch", "check out fmt"]
    assert not progress.open


def test_what_was_fetched_serves_offline(upstream: Release, host: Host) -> None:
    with pytest.raises(Unavailable, match="offline, and pytorch was not fetched before"):
        open_git(upstream, host, NoProgress(), offline=True)
    first = open_git(upstream, host, NoProgress(), offline=False)
    assert open_git(upstream, host, NoProgress(), offline=True) == first


def test_a_moved_tag_is_refused(upstream: Release, host: Host) -> None:
    moved = replace(upstream, commit="1" * 40)
    with pytest.raises(SourceError, match="wrong commit for pytorch") as caught:
        open_git(moved, host, NoProgress(), offline=False)
    assert f"got      {upstream.commit}" in caught.value.message


def test_a_fetch_that_failed_is_continued(upstream: Release, host: Host, tmp_path: Path) -> None:
    (tmp_path / "fmt").rename(tmp_path / "away")
    with pytest.raises(Unavailable, match=r"fmt: .*does not (appear to be|exist)"):
        open_git(upstream, host, NoProgress(), offline=False)
    assert not list((host.cache / "sources").glob("2.6.0-*"))
    (tmp_path / "away").rename(tmp_path / "fmt")
    progress = Recorder()
    open_git(upstream, host, progress, offline=False)
    assert progress.steps[0] == "fetch fmt"


def test_a_server_that_is_not_there(upstream: Release, host: Host) -> None:
    gone = replace(upstream, url="file:///nowhere/at/all")
    with pytest.raises(Unavailable, match=r"^file:///nowhere/at/all: "):
        open_git(gone, host, NoProgress(), offline=False)
