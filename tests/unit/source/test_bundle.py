import errno
import io
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.foundation.cache import lease, prune
from builder.foundation.fetching.progress import NoProgress, Unavailable
from builder.foundation.process import Host
from builder.source import opening
from builder.source.bundle import _choose, _File, _keep, open_bundle, write_bundle
from builder.source.opening import open_source, will_fetch
from builder.source.pins import Archive
from builder.source.request import SourceRequest
from builder.vocabulary.errors import SourceError
from tests.unit.source.small import packed, release

PINS = release()
FIRST, SECOND = (pin.archives[0] for pin in PINS.components)


@pytest.fixture(autouse=True)
def _small_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "pins", lambda _version: PINS)


def keep(host: Host) -> Host:
    """Put the archives of the small release into the cache."""
    downloads = host.cache / "downloads"
    downloads.mkdir(parents=True)
    (downloads / FIRST.file).write_bytes(packed("pytorch", root="pytorch-2.6.0"))
    (downloads / SECOND.file).write_bytes(packed("fmt"))
    return host


@pytest.fixture
def bundle(host: Host, tmp_path: Path) -> Path:
    path = tmp_path / "sources.tar"
    write_bundle(path, PINS, keep(host), NoProgress(), offline=True)
    return path


@pytest.fixture
def fresh(host: Host, tmp_path: Path) -> Host:
    """A machine that has nothing, and no network: its runner knows no program."""
    return replace(host, cache=tmp_path / "fresh")


def rewritten(bundle: Path, change: dict[str, bytes | None]) -> Path:
    """Write a bundle anew: other content for some archives, None for those left out."""
    path = bundle.with_name("changed.tar")
    with tarfile.open(bundle) as old, tarfile.open(path, "w") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            data = change.get(Path(member.name).name, content.read())
            if data is not None:
                (bundle.parent / "data").write_bytes(data)
                member.size = len(data)
                with (bundle.parent / "data").open("rb") as stream:
                    new.addfile(member, stream)
    return path


def test_a_machine_with_nothing_builds_from_the_bundle_alone(bundle: Path, fresh: Host) -> None:
    request = SourceRequest(bundle, offline=True)
    assert not will_fetch(request, fresh)
    tree = open_source(request, fresh, NoProgress())
    assert tree.provider == "debian"
    assert (tree.root("pytorch") / "version.txt").read_text() == "2.6.0a0\n"
    assert (tree.root("fmt") / "include/fmt.h").read_text() == "// fmt\n"
    assert {it.name: it.sha256 for it in tree.components} == {
        "pytorch": FIRST.sha256, "fmt": SECOND.sha256,
    }  # fmt: skip
    again = open_source(request, fresh, NoProgress())
    assert again == tree
    without = open_source(SourceRequest(offline=True), fresh, NoProgress())
    assert without == tree, "what it brought is kept"


def note_old_use(host: Host, place: Path) -> Path:
    """Note that a tree was last used in 1970; return the file whose time says so."""
    mark = host.cache / "uses" / "sources" / place.name
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    os.utime(mark, (0, 0))
    return mark


def test_the_use_of_a_tree_that_is_kept_is_noted(bundle: Path, fresh: Host) -> None:
    ways = (SourceRequest(bundle, offline=True), SourceRequest(offline=True))
    (first,) = {open_source(it, fresh, NoProgress()) for it in ways}
    place = first.root("pytorch").parent
    for request in ways:
        note_old_use(fresh, place)
        with lease(fresh.cache):
            open_source(request, fresh, NoProgress())
            pruned = prune(fresh.cache, max_size=0)
        assert "sources" in {it.shelf for it in pruned.in_use}
    assert place.is_dir()


def test_a_tree_that_is_made_anew_counts_as_used(bundle: Path, fresh: Host) -> None:
    """The mark may be older than the tree: whoever removes a tree by hand leaves it."""
    tree = open_source(SourceRequest(bundle, offline=True), fresh, NoProgress())
    place = tree.root("pytorch").parent
    for request in (SourceRequest(bundle, offline=True), SourceRequest(offline=True)):
        shutil.rmtree(place)
        mark = note_old_use(fresh, place)
        open_source(request, fresh, NoProgress())
        assert mark.stat().st_mtime > 0


def test_equal_archives_give_an_equal_bundle(bundle: Path, fresh: Host) -> None:
    keep(fresh)
    other = bundle.with_name("other.tar")
    archives = write_bundle(other, PINS, fresh, NoProgress(), offline=True)
    assert other.read_bytes() == bundle.read_bytes()
    assert archives == tuple(sorted((FIRST, SECOND), key=lambda it: it.file))


def test_a_bundle_needs_every_archive(host: Host, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"offline, and not fetched before"):
        write_bundle(tmp_path / "x.tar", PINS, host, NoProgress(), offline=True)
    assert not (tmp_path / "x.tar").exists()


def refused(path: Path, host: Host) -> SourceError:
    with pytest.raises(SourceError) as caught:
        open_bundle(path, PINS, host, NoProgress())
    assert not list(host.cache.glob("sources/2*")), "nothing is unpacked of it"
    return caught.value


def test_an_archive_that_is_another_is_refused_and_not_kept(bundle: Path, fresh: Host) -> None:
    changed = rewritten(bundle, {FIRST.file: packed("pytorch")})
    assert f"{FIRST.file} is not the pinned archive" in refused(changed, fresh).message
    assert not (fresh.cache / "downloads" / FIRST.file).exists()


@pytest.mark.parametrize("size", [FIRST.size, 50_000_000])
def test_a_sparse_archive_is_refused_before_it_is_copied(
    bundle: Path, fresh: Host, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says how large it is, and the file holds next to nothing of it."""
    path = bundle.with_name("sparse.tar")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as new:
        for archive, pax in (
            (FIRST, {"GNU.sparse.map": "0,512", "GNU.sparse.size": str(size)}),
            (SECOND, {}),
        ):
            member = tarfile.TarInfo(archive.file)
            member.pax_headers, member.size = pax, 512
            new.addfile(member, io.BytesIO(b"x" * 512))
    monkeypatch.setattr("builder.source.bundle.open_atomic", lambda _: pytest.fail("it is copied"))
    assert f"{FIRST.file} is not the pinned archive" in refused(path, fresh).message


def test_no_more_is_copied_than_an_archive_has(tmp_path: Path) -> None:
    endless = io.BytesIO(packed("fmt") + b"x" * 5_000_000)
    _keep(endless, SECOND, tmp_path / "kept", tmp_path / "bundle.tar")
    assert endless.tell() == SECOND.size


def test_what_a_bundle_lacks_is_named(bundle: Path, fresh: Host) -> None:
    changed = rewritten(bundle, {SECOND.file: None})
    assert refused(changed, fresh).message.endswith(f"it lacks {SECOND.file}")


def test_a_file_that_is_no_bundle_is_refused(bundle: Path, fresh: Host) -> None:
    whole = bundle.read_bytes()
    for data in (b"", b"no tar at all" * 100, whole[:700]):
        bundle.write_bytes(data)
        assert "no bundle" in refused(bundle, fresh).message


def failure(bundle: Path, host: Host) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(SourceRequest(bundle, offline=True), host, NoProgress())
    return caught.value.message


def test_a_bundle_that_cannot_be_opened_is_told(tmp_path: Path, fresh: Host) -> None:
    """A folder stands for a file that nobody lets us read: root reads all files."""
    assert refused(tmp_path, fresh).message == f"cannot read {tmp_path}: Is a directory"


def test_a_bundle_that_cannot_be_read_is_not_a_cache_that_is_full(
    bundle: Path, fresh: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[_File] = []

    class Noted(_File):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.append(self)

    def fail_from_now_on(*given: Any) -> Mapping[str, Archive]:
        folder = os.open(bundle.parent, os.O_RDONLY)
        os.dup2(folder, opened[0].fileno())
        os.close(folder)
        return _choose(*given)

    monkeypatch.setattr("builder.source.bundle._File", Noted)
    monkeypatch.setattr("builder.source.bundle._choose", fail_from_now_on)
    assert failure(bundle, fresh) == f"cannot read {bundle}: Is a directory"


def test_a_cache_that_is_full_is_no_bundle_that_cannot_be_read(
    bundle: Path, fresh: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("builder.source.bundle._keep", full)
    assert failure(bundle, fresh).startswith(f"cannot keep sources in {fresh.cache}: No space")


def test_a_link_in_place_of_an_archive_is_refused(bundle: Path, fresh: Host) -> None:
    path = bundle.with_name("links.tar")
    with tarfile.open(path, "w") as new:
        for archive in (FIRST, SECOND):
            member = tarfile.TarInfo(archive.file)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            new.addfile(member)
    assert "no " in refused(path, fresh).message
