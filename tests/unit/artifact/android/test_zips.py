import io
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from builder.artifact.android import zips as module
from builder.artifact.android.zips import content_offset, read_member, unzip, write_zip, zip_bytes
from builder.artifact.staging import StagedFile
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import STORE_PAGE

PATHS = st.from_regex(r"[a-z]{1,8}(/[a-z.]{1,60}x){0,3}", fullmatch=True).map(PurePosixPath)
FILES = st.lists(
    st.builds(StagedFile, PATHS, st.binary(max_size=200), st.booleans()),
    unique_by=lambda file: file.path, max_size=8,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES, data=st.data())
def test_bytes_depend_on_the_files_alone(
    tmp_path: Path, files: list[StagedFile], data: st.DataObject
) -> None:
    stored = frozenset(it.path for it in files if data.draw(st.booleans()))
    one, two = tmp_path / "one.zip", tmp_path / "deep" / "two.zip"
    write_zip(files, one, stored)
    write_zip(data.draw(st.permutations(files)), two, stored)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(it.path.as_posix() for it in files)
        for file in files:
            member = archive.getinfo(file.path.as_posix())
            assert archive.read(member) == file.content
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.external_attr >> 16 & 0o777 == (0o755 if file.executable else 0o644)
            if file.path in stored:
                assert member.compress_type == zipfile.ZIP_STORED
                offset = content_offset(archive, member)
                assert offset % STORE_PAGE == 0
                content = file.read()
                assert one.read_bytes()[offset : offset + len(content)] == content


def test_padding_is_not_kept_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip([StagedFile(PurePosixPath("x.so"), b"x")], path, frozenset({PurePosixPath("x.so")}))
    assert path.stat().st_size < STORE_PAGE + 200


def test_a_file_on_disk_gives_its_content_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "private-name"
    source.write_bytes(b"content")
    source.chmod(0o600)
    assert zip_bytes([StagedFile(PurePosixPath("x"), source)]) == zip_bytes(
        [StagedFile(PurePosixPath("x"), b"content")]
    )


def test_a_failure_leaves_the_old_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match=r"cannot write .*a\.zip: No such file"):
        write_zip([StagedFile(PurePosixPath("x"), tmp_path / "gone")], path)
    assert path.read_bytes() == b"old"


def test_what_was_written_can_be_unpacked(tmp_path: Path) -> None:
    files = [
        StagedFile(PurePosixPath("a/b"), b"1", executable=True),
        StagedFile(PurePosixPath("c"), b""),
    ]
    write_zip(files, tmp_path / "a.zip")
    unzip(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out/a/b").read_bytes() == b"1"
    assert (tmp_path / "out/a/b").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/c").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "names",
    [["../outside"], ["/outside"], ["a/../../outside"], ["a\x1b[2J"], ["a", "a"], ["a", "a/b"]],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_tricks_with_paths_are_refused(names: list[str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"mine")
    with pytest.raises(UsageError, match=r"a\.zip is no artifact of build-runtime"):
        unzip(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_an_archive_that_holds_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zip([StagedFile(PurePosixPath("x"), bytes(1000))], tmp_path / "a.zip")
    monkeypatch.setattr(module, "_LARGEST_CONTENT", 999)
    with pytest.raises(UsageError, match="holds too much"):
        unzip(tmp_path / "a.zip", tmp_path / "out")


def test_a_member_that_is_too_large_is_not_read() -> None:
    data = zip_bytes([StagedFile(PurePosixPath("x"), bytes(1000))])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert read_member(archive, "x", 1000) == bytes(1000)
        assert read_member(archive, "y", 1000) is None
        with pytest.raises(ValueError, match="x is too large"):
            read_member(archive, "x", 999)


@example(at=-6, byte=0x80)  # the directory claims to begin in front of the file
@given(at=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_a_flipped_bit_is_an_error_or_harmless(
    at: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("flipped")
    data = bytearray(zip_bytes([StagedFile(PurePosixPath("a/x"), b"text" * 20)]))
    data[at % len(data)] ^= byte
    (root / "a.zip").write_bytes(data)
    try:
        unzip(root / "a.zip", root / "out")
    except UsageError as error:
        assert "is no artifact" in error.message  # noqa: PT017  both ends are right
