import gzip
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.artifact.staging import StagedFile
from builder.artifact.tar.archive import write_archive
from builder.vocabulary.errors import UsageError

PATHS = st.from_regex(r"[a-z]{1,8}(/[a-z.]{1,60}x){0,3}", fullmatch=True).map(PurePosixPath)
FILES = st.lists(
    st.builds(StagedFile, PATHS, st.binary(max_size=200), st.booleans()),
    unique_by=lambda file: file.path,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES, epoch=st.integers(0, 2**33), data=st.data())
def test_bytes_depend_on_the_files_alone(
    tmp_path: Path, files: list[StagedFile], epoch: int, data: st.DataObject
) -> None:
    one, two = tmp_path / "one.tar.gz", tmp_path / "deep" / "two.tar.gz"
    write_archive(files, one, epoch=epoch)
    write_archive(data.draw(st.permutations(files)), two, epoch=epoch)
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as archive:
        found = {
            PurePosixPath(member.name): (archive.extractfile(member), member.mode, member.mtime)
            for member in archive
        }
        assert {path: content.read() for path, (content, _, _) in found.items() if content} == {
            file.path: file.content for file in files
        }
        assert {path: mode for path, (_, mode, _) in found.items()} == {
            file.path: 0o755 if file.executable else 0o644 for file in files
        }
        assert {time for _, _, time in found.values()} <= {epoch}


def test_a_file_on_disk_gives_its_content_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "private-name"
    source.write_bytes(b"content")
    source.chmod(0o600)
    from_disk, from_memory = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    write_archive([StagedFile(PurePosixPath("x"), source)], from_disk)
    write_archive([StagedFile(PurePosixPath("x"), b"content")], from_memory)
    assert from_disk.read_bytes() == from_memory.read_bytes()


def test_members_are_sorted_and_owned_by_root(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    write_archive([StagedFile(PurePosixPath(name), b"") for name in ("b", "a/z", "a.c")], path)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["a.c", "a/z", "b"]
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in archive} == {(0, 0, "", "", 0)}


def test_the_gzip_header_has_neither_name_nor_time(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    write_archive([], path, epoch=1_700_000_000)
    header = path.read_bytes()[:10]
    assert header[3] == 0  # no flags: no name, no comment
    assert header[4:8] == bytes(4)
    assert not gzip.decompress(path.read_bytes()).strip(b"\0")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ""])
def test_no_file_leaves_the_folder(path: str) -> None:
    with pytest.raises(AssertionError):
        StagedFile(PurePosixPath(path), b"")


def test_two_files_in_one_place_are_a_bug(tmp_path: Path) -> None:
    file = StagedFile(PurePosixPath("x"), b"")
    with pytest.raises(AssertionError, match="two files"):
        write_archive([file, file], tmp_path / "a.tar.gz")


def test_a_failure_leaves_the_old_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match=r"cannot write .*a\.tar\.gz: No such file"):
        write_archive([StagedFile(PurePosixPath("x"), tmp_path / "gone")], path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
