import os
from pathlib import Path

import pytest

from builder.source.directory import open_directory
from builder.vocabulary.errors import SourceError
from tests.unit.source.small import FILES, release, write


def _checkout(root: Path) -> Path:
    write(root, FILES["pytorch"])
    write(root / "third_party/fmt", FILES["fmt"])
    return root


def _side_by_side(root: Path) -> Path:
    for name, files in FILES.items():
        write(root / name, files)
    return root


def test_a_checkout_with_submodules(tmp_path: Path) -> None:
    tree = open_directory(_checkout(tmp_path), release())
    assert tree.provider == "directory"
    assert tree.version == "2.6.0"
    assert tree.root("pytorch") == tmp_path
    assert tree.root("fmt") == tmp_path / "third_party/fmt"


def test_components_side_by_side(tmp_path: Path) -> None:
    tree = open_directory(_side_by_side(tmp_path), release())
    assert tree.root("pytorch") == tmp_path / "pytorch"
    assert tree.root("fmt") == tmp_path / "fmt"


def test_the_digest_changes_with_any_file_that_counts_and_with_no_other(tmp_path: Path) -> None:
    before = open_directory(_checkout(tmp_path), release()).digest
    write(tmp_path, {"test/new.py": "", ".git/index": "", "build/x.o": "", "c10/__pycache__/x": ""})
    assert open_directory(tmp_path, release()).digest == before
    seen = {before}
    for path in ("c10/core.h", "third_party/fmt/include/fmt.h"):
        status = (tmp_path / path).stat()
        os.utime(tmp_path / path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        seen.add(open_directory(tmp_path, release()).digest)
    write(tmp_path, {"c10/added.h": ""})
    seen.add(open_directory(tmp_path, release()).digest)
    assert len(seen) == 4


def test_a_directory_that_is_something_else(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no PyTorch source") as caught:
        open_directory(tmp_path, release())
    assert caught.value.looked_in[0].startswith(str(tmp_path / "version.txt"))
    assert "fmt" in caught.value.hint


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no PyTorch source"):
        open_directory(tmp_path / "nowhere", release())


@pytest.mark.parametrize("version", ["2.5.1", "2.6.01", "2.6.0.1", ""])
def test_another_version_is_refused(tmp_path: Path, version: str) -> None:
    _checkout(tmp_path)
    (tmp_path / "version.txt").write_text(version)
    with pytest.raises(SourceError, match=r"not 2\.6\.0"):
        open_directory(tmp_path, release())


@pytest.mark.parametrize("version", ["2.6.0", "2.6.0a0\n", "2.6.0+cpu", "2.6.0rc1"])
def test_builds_of_the_same_version_are_accepted(tmp_path: Path, version: str) -> None:
    _checkout(tmp_path)
    (tmp_path / "version.txt").write_text(version)
    assert open_directory(tmp_path, release()).version == "2.6.0"


def test_all_that_is_missing_is_named_at_once_with_the_command_that_gets_it(tmp_path: Path) -> None:
    write(tmp_path, {"version.txt": "2.6.0a0", ".git/HEAD": ""})
    with pytest.raises(SourceError) as caught:
        open_directory(tmp_path, release())
    assert f"pytorch: {tmp_path / 'c10/core.h'}" in caught.value.message
    assert f"fmt: {tmp_path / 'third_party/fmt/include/fmt.h'}" in caught.value.message
    assert caught.value.hint.startswith(f"git -C {tmp_path} submodule update --init")
    assert caught.value.hint.endswith("third_party/fmt")


def test_a_broken_checkout_is_not_blamed_on_submodules(tmp_path: Path) -> None:
    write(_checkout(tmp_path), {".git/HEAD": ""})
    (tmp_path / "c10/core.h").unlink()
    with pytest.raises(SourceError) as caught:
        open_directory(tmp_path, release())
    assert caught.value.hint == "check out the tag v2.6.0 again"


def test_what_is_no_repository_gets_no_git_command(tmp_path: Path) -> None:
    _side_by_side(tmp_path)
    (tmp_path / "fmt/include/fmt.h").unlink()
    with pytest.raises(SourceError, match="is not complete") as caught:
        open_directory(tmp_path, release())
    assert caught.value.hint.startswith("unpack these there")
