import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from builder.source import archives
from builder.source.pins import Pin
from builder.vocabulary.errors import SourceError
from tests.unit.source.small import archive_of, listed, tar

Member = tarfile.TarInfo | tuple[str, str]


def _pin(*excludes: str) -> Pin:
    return Pin(
        name="a",
        licence="MIT",
        submodule="",
        requires=(),
        excludes=excludes,
        archives=(),
    )


def _unpack(
    tmp_path: Path,
    members: list[Member],
    *,
    root: str = "",
    part: str = "",
    pin: Pin | None = None,
) -> Path:
    data = tar(members)
    path = tmp_path / "a.tar.xz"
    path.write_bytes(data)
    into = tmp_path / "tree"
    into.mkdir()
    archive = replace(archive_of("a", data, root=root), part=part)
    archives.unpack(path, archive, pin or _pin(), into, lambda _: None)
    return into


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_the_root_directory_is_stripped_and_excluded_paths_are_left_out(tmp_path: Path) -> None:
    members: list[Member] = [
        _special("a-1.0", tarfile.DIRTYPE),
        ("a-1.0/src/x.c", "int x;"),
        ("a-1.0/test/t.c", ""),
        ("a-1.0/tests.txt", "kept"),
    ]
    into = _unpack(tmp_path, members, root="a-1.0", pin=_pin("test"))
    assert listed(into) == {"src/x.c", "tests.txt"}
    assert (into / "src/x.c").read_text() == "int x;"


def test_of_an_archive_of_another_project_only_the_part_is_unpacked(tmp_path: Path) -> None:
    members: list[Member] = [
        _special("a-1.0", tarfile.DIRTYPE),
        ("a-1.0/main.c", ""),
        _special("a-1.0/lib/fft", tarfile.DIRTYPE),
        ("a-1.0/lib/fft/fft.h", "int x;"),
        ("a-1.0/lib/fft.txt", ""),
    ]
    assert listed(_unpack(tmp_path, members, root="a-1.0", part="lib/fft")) == {"fft.h"}


def test_an_archive_without_a_root_directory(tmp_path: Path) -> None:
    assert listed(_unpack(tmp_path, [("x.c", ""), ("./y/z.c", "")])) == {"x.c", "y/z.c"}


def test_time_and_executable_bit_survive_other_permissions_do_not(tmp_path: Path) -> None:
    script = _special("run.sh", tarfile.REGTYPE)
    script.mode, script.mtime = 0o6777, 5
    into = _unpack(tmp_path, [script, ("x.c", "")])
    assert (into / "run.sh").stat().st_mode & 0o7777 == 0o755
    assert (into / "x.c").stat().st_mode & 0o7777 == 0o644
    assert (into / "x.c").stat().st_mtime == 1_000_000_000


def test_links_inside_the_tree_are_kept(tmp_path: Path) -> None:
    into = _unpack(tmp_path, [_special("d/l", tarfile.SYMTYPE, "../x.c"), ("x.c", "here")])
    assert (into / "d/l").read_text() == "here"


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", "")],
        [("/etc/evil", "")],
        [("a/../../evil", "")],
        [_special("l", tarfile.SYMTYPE, "/etc/passwd")],
        [_special("l", tarfile.SYMTYPE, "../..")],
        # each link is harmless by its text, together they lead out
        [_special("p/q", tarfile.SYMTYPE, ".."), _special("e", tarfile.SYMTYPE, "p/q/../..")],
        [_special("l", tarfile.LNKTYPE, "/etc/passwd")],
        [_special("fifo", tarfile.FIFOTYPE)],
        [_special("dev", tarfile.CHRTYPE)],
        [("x", "one"), ("x", "two")],
    ],
)
def test_path_tricks_are_refused(tmp_path: Path, members: list[Member]) -> None:
    with pytest.raises(SourceError, match="refused"):
        _unpack(tmp_path, members)
    assert not (tmp_path / "evil").exists()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(SourceError, match="refused"):
        _unpack(tmp_path, [_special("d", tarfile.SYMTYPE, str(outside)), ("d/x", "evil")])
    assert not list(outside.iterdir())


def test_a_member_outside_the_root_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="outside a-1"):
        _unpack(tmp_path, [("a-1/x", ""), ("b/x", "")], root="a-1")


@pytest.mark.parametrize("damage", ["truncated", "no archive"])
def test_a_damaged_archive_is_named(tmp_path: Path, damage: str) -> None:
    data = tar([("x", "content" * 1000)])
    data = data[: len(data) // 2] if damage == "truncated" else b"<html>404</html>"
    path = tmp_path / "a.tar.xz"
    path.write_bytes(data)
    (tmp_path / "tree").mkdir()
    with pytest.raises(SourceError, match=r"cannot unpack a_1\.0\.orig\.tar\.xz"):
        archives.unpack(path, archive_of("a", data), _pin(), tmp_path / "tree", lambda _: None)


def test_a_wrong_checksum_names_file_expected_and_got_and_deletes_the_file(tmp_path: Path) -> None:
    pinned = archive_of("a", b"good")
    path = tmp_path / pinned.file
    path.write_bytes(b"bad")
    with pytest.raises(SourceError) as caught:
        archives.check(path, pinned)
    text = str(caught.value)
    assert caught.value.exit_code == 4
    assert pinned.file in text
    assert f"expected sha256 {pinned.sha256}" in text
    assert f"got      sha256 {archive_of('a', b'bad').sha256}" in text
    assert not path.exists()


def test_the_right_checksum_passes(tmp_path: Path) -> None:
    pinned = archive_of("a", b"good")
    (tmp_path / pinned.file).write_bytes(b"good")
    archives.check(tmp_path / pinned.file, pinned)
    assert (tmp_path / pinned.file).exists()
