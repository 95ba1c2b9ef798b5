import datetime as dt
from pathlib import Path

from builder.commands.keeping import shelves
from builder.foundation.cache import lease, note_use
from tests.documents import validate


def filled(folder: Path) -> Path:
    """Return a cache with two stores of a megabyte each, and one linked runtime."""
    for name in ("objects/one", "objects/two", "builds/three"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(bytes(1_000_000))
        note_use(folder, folder / name)
    return folder


def test_what_is_kept_is_told_by_kind_with_its_size(tmp_path: Path) -> None:
    answer = shelves.show(filled(tmp_path))
    validate("cache", {"version": 1, **answer.document})
    assert [(it["entry"], it["items"], it["megabytes"]) for it in answer.document["entries"]] == [
        ("objects", "2", "2.0"),
        ("builds", "1", "1.0"),
    ]
    assert answer.document["bytes"] == 3_000_000
    assert answer.text.startswith(f"{tmp_path}: 3.0 MB\n")
    assert dt.datetime.now(dt.UTC).date().isoformat() in answer.text


def test_an_empty_cache_says_so(tmp_path: Path) -> None:
    answer = shelves.show(tmp_path / "none")
    validate("cache", {"version": 1, **answer.document})
    assert answer.text == f"{tmp_path}/none: 0.0 MB\n(nothing)"


def test_pruning_tells_what_went_and_what_had_to_stay(tmp_path: Path) -> None:
    filled(tmp_path)
    with lease(tmp_path):
        note_use(tmp_path, tmp_path / "builds" / "three")
        answer = shelves.prune(tmp_path, 0, None)
    validate("cache", {"version": 1, **answer.document})
    assert [it["name"] for it in answer.document["removed"]] == ["one", "two"]
    assert [it["name"] for it in answer.document["in_use"]] == ["three"]
    assert "removed 2 entries, 2.0 MB" in answer.text
    assert "kept, as a running command may use them: builds/three" in answer.text


def test_an_age_is_a_limit_too(tmp_path: Path) -> None:
    filled(tmp_path)
    assert shelves.prune(tmp_path, None, dt.timedelta(days=1)).document["removed"] == []
    assert len(shelves.prune(tmp_path, None, dt.timedelta()).document["removed"]) == 3


def test_links_in_the_cache_are_measured_and_removed_as_links(tmp_path: Path) -> None:
    outside = tmp_path / "mine"
    outside.mkdir()
    (outside / "file").write_bytes(bytes(5_000_000))
    folder = tmp_path / "cache" / "generated"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    assert shelves.show(tmp_path / "cache").document["entries"][0]["megabytes"] == "0.0"
    shelves.prune(tmp_path / "cache", 0, None)
    assert (outside / "file").exists()
    assert not (folder / "link").is_symlink()


def test_a_limit_is_kept_after_a_build_and_told(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    heard: list[str] = []
    shelves.keep_within(5_000_000, tmp_path / "cache", heard.append)
    assert not heard
    shelves.keep_within(2_000_000, tmp_path / "cache", heard.append)
    assert heard == ["cache-size: removed 1 entries, 1.0 MB, from the cache"]
    assert len(shelves.show(tmp_path / "cache").document["entries"]) == 2
