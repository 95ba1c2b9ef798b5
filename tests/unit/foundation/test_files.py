import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest

from builder.foundation.files import (
    check_writable,
    copy_atomic,
    locked,
    new_directory,
    replace_link,
    sha256_file,
    write_atomic,
    write_if_changed,
    write_tree,
)
from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import GeneratedFile


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        if path.is_file()
        else "/"
        for path in root.rglob("*")
    }


def generated(**files: str) -> list[GeneratedFile]:
    return [
        GeneratedFile(PurePosixPath(name.replace("__", "/")), text) for name, text in files.items()
    ]


def fail_to_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", replace)


def test_sha256_of_more_than_one_block(tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "f").write_bytes(data)
    assert sha256_file(tmp_path / "f") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("data", ["text ü", b"\x00bytes"])
def test_write_makes_directories_and_sets_the_mode(tmp_path: Path, data: str | bytes) -> None:
    path = tmp_path / "a" / "b"
    write_atomic(path, data, mode=0o755)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize("write", [write_atomic, write_if_changed])
def test_a_failed_write_leaves_the_old_content_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, str], object]
) -> None:
    path = tmp_path / "f"
    path.write_text("old", encoding="utf-8")
    fail_to_replace(monkeypatch)
    with pytest.raises(OSError, match="No space"):
        write(path, "new")
    assert tree(tmp_path) == {"f": "old"}


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "f"
    contents = {"a" * 300_000, "b" * 300_000}
    write_atomic(path, "a" * 300_000)
    stop = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    for letter in "babababa":
        write_atomic(path, letter * 300_000)
    stop.set()
    reader.join()
    assert seen <= contents


def test_unchanged_content_keeps_its_time_stamp(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert write_if_changed(path, "one")
    os.utime(path, (1, 1))
    assert not write_if_changed(path, "one")
    assert path.stat().st_mtime == 1
    assert write_if_changed(path, "two")
    assert path.stat().st_mtime > 1


def test_write_tree_makes_exactly_these_files(tmp_path: Path) -> None:
    root = tmp_path / "generated"
    assert write_tree(generated(a="1", sub__b="2"), root) == {root / "a", root / "sub" / "b"}
    assert write_tree(generated(a="1", sub__b="2"), root) == frozenset()
    changed = write_tree(generated(a="one", new="3"), root)
    assert changed == {root / "a", root / "new", root / "sub" / "b"}
    assert tree(root) == {"a": "one", "new": "3"}


def test_write_tree_turns_directories_into_files_and_back(tmp_path: Path) -> None:
    write_tree(generated(a__b__c="1"), tmp_path)
    write_tree(generated(a="2"), tmp_path)
    assert tree(tmp_path) == {"a": "2"}
    write_tree(generated(a__b="3"), tmp_path)
    assert tree(tmp_path) == {"a": "/", "a/b": "3"}


def test_write_tree_removes_links_but_not_what_they_point_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept", encoding="utf-8")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    write_tree(generated(a="1"), root)
    assert tree(root) == {"a": "1"}
    assert tree(outside) == {"kept": "kept"}


def test_copy_keeps_content_and_mode(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"program")
    (tmp_path / "source").chmod(0o755)
    copy_atomic(tmp_path / "source", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_bytes() == b"program"
    assert stat.S_IMODE((tmp_path / "new" / "copy").stat().st_mode) == 0o755


def test_a_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copy_atomic(tmp_path / "missing", tmp_path / "copy")
    assert tree(tmp_path) == {}


def test_a_link_is_made_kept_and_turned(tmp_path: Path) -> None:
    link = tmp_path / "new" / "link"
    replace_link(link, tmp_path / "one")
    made = link.lstat().st_mtime_ns
    replace_link(link, tmp_path / "one")
    assert (link.readlink(), link.lstat().st_mtime_ns) == (tmp_path / "one", made)
    replace_link(link, tmp_path / "two")
    assert link.readlink() == tmp_path / "two"
    assert tree(tmp_path).keys() == {"new", "new/link"}


def test_new_directory_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "made"
    with new_directory(path) as scratch:
        (scratch / "f").write_text("1", encoding="utf-8")
        assert not path.exists()
    assert tree(tmp_path) == {"made": "/", "made/f": "1"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_new_directory_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "made"
    path.mkdir()
    (path / "old").write_text("old", encoding="utf-8")
    with new_directory(path) as scratch:
        (scratch / "new").write_text("new", encoding="utf-8")
    assert tree(tmp_path) == {"made": "/", "made/new": "new"}


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_new_directory_disappears_on_failure(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "made"
    path.mkdir()
    (path / "old").write_text("old", encoding="utf-8")
    with pytest.raises(failure), new_directory(path) as scratch:  # noqa: PT012 - the body matters
        (scratch / "half").write_text("half", encoding="utf-8")
        raise failure
    assert tree(tmp_path) == {"made": "/", "made/old": "old"}


def test_a_lock_is_exclusive_and_released(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    waited = threading.Event()
    entered = threading.Event()

    def second() -> None:
        with locked(path, on_wait=lambda _: waited.set()):
            entered.set()

    thread = threading.Thread(target=second)
    with suppress(KeyboardInterrupt), locked(path):
        thread.start()
        assert waited.wait(10)
        assert not entered.is_set()
        raise KeyboardInterrupt
    thread.join(10)
    assert entered.is_set()


def test_a_free_lock_does_not_wait(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", on_wait=pytest.fail):
        pass


def test_who_waits_is_told_for_whom(tmp_path: Path) -> None:
    told = waited_for(tmp_path / "lock", doing="building linux-x86_64 for net")
    since = r"since \d\d:\d\d:\d\d"
    expected = rf"process {os.getpid()}, {since}: building linux-x86_64 for net"
    assert re.fullmatch(expected, told)
    assert [it.name for it in tmp_path.iterdir()] == ["lock"], "a note ends with what it is about"


@pytest.mark.parametrize("note", ["", "{", "[1]", '{"process": 1}', '{"process": "x"}', "null"])
def test_a_damaged_note_of_who_holds_a_lock_tells_less(note: str, tmp_path: Path) -> None:
    (tmp_path / ".lock.holder").write_text(note)
    assert waited_for(tmp_path / "lock") == "another build-runtime"


def test_each_holder_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.foundation.files._POLL", 0.01)
    told: list[str] = []
    enough = threading.Event()

    def tell(holder: str) -> None:
        told.append(holder.rpartition(": ")[2])
        (tmp_path / ".lock.holder").write_text('{"process": 1, "since": 0, "doing": "another"}')
        if len(told) == 2:
            enough.set()

    def wait() -> None:
        with locked(tmp_path / "lock", on_wait=tell):
            pass

    thread = threading.Thread(target=wait)
    with locked(tmp_path / "lock", doing="one"):
        thread.start()
        assert enough.wait(10)
    thread.join(10)
    assert told == ["one", "another"]


def waited_for(lock: Path, doing: str = "") -> str:
    """Return what another thread that wants a lock is told."""
    told: list[str] = []
    waiting = threading.Event()

    def tell(holder: str) -> None:
        told.append(holder)
        waiting.set()

    def wait() -> None:
        with locked(lock, on_wait=tell):
            pass

    thread = threading.Thread(target=wait)
    with locked(lock, doing=doing):
        thread.start()
        assert waiting.wait(10)
    thread.join(10)
    return told[0]


def test_writable_and_still_to_be_made(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "a" / "b")
    assert tree(tmp_path) == {}


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write to .*sub") as caught:
        check_writable(tmp_path / "file" / "sub")
    assert caught.value.looked_in == (f"{tmp_path / 'file'} (not a directory)",)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not bind root, whom containers run tests as: let the kernel's answer be no.
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.F_OK)
    with pytest.raises(UsageError) as caught:
        check_writable(tmp_path)
    assert caught.value.looked_in == (f"{tmp_path} (no permission)",)
