import os
import time
from pathlib import Path

import pytest

from builder.foundation.cache import SHELVES, inventory, lease, note_use, prune
from builder.foundation.files import locked

DAY = 86_400.0


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with three things, last used three, two and one days ago."""
    root = tmp_path / "cache"
    for age, name in ((3, "objects/old"), (2, "builds/middle"), (1, "objects/young")):
        (root / name).mkdir(parents=True)
        (root / name / "file.o").write_bytes(b"x" * 1000)
        note_use(root, root / name)
        used(root, name, age)
    (root / "notes.txt").write_text("the user's")
    return root


def used(cache: Path, name: str, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(cache / "uses" / name, (then, then))


def names(cache: Path) -> set[str]:
    return {f"{it.shelf}/{it.name}" for it in inventory(cache)}


def test_everything_that_is_kept_is_told_with_its_size(cache: Path) -> None:
    found = {f"{it.shelf}/{it.name}": it.size for it in inventory(cache)}
    assert found == {"objects/old": 1000, "builds/middle": 1000, "objects/young": 1000}


def test_an_empty_or_absent_cache_holds_nothing(tmp_path: Path) -> None:
    assert inventory(tmp_path / "none") == ()
    assert prune(tmp_path / "none", max_size=0).removed == ()


def test_the_least_recently_used_goes_until_the_rest_fits(cache: Path) -> None:
    done = prune(cache, max_size=2000)
    assert [f"{it.shelf}/{it.name}" for it in done.removed] == ["objects/old"]
    assert names(cache) == {"builds/middle", "objects/young"}
    assert prune(cache, max_size=2000).removed == (), "a second time there is nothing to do"


def test_what_was_not_used_for_long_goes(cache: Path) -> None:
    assert len(prune(cache, older_than=2.5 * DAY).removed) == 1
    assert len(prune(cache, older_than=1.5 * DAY).removed) == 1
    assert names(cache) == {"objects/young"}


def test_a_use_keeps_a_thing(cache: Path) -> None:
    note_use(cache, cache / "objects" / "old")
    prune(cache, max_size=1000)
    assert names(cache) == {"objects/old"}


def test_nothing_that_is_not_ours_is_removed(cache: Path) -> None:
    prune(cache, max_size=0)
    assert names(cache) == set()
    assert (cache / "notes.txt").exists()


def test_what_a_running_command_uses_stays(cache: Path) -> None:
    with lease(cache):
        note_use(cache, cache / "objects" / "old")
        done = prune(cache, max_size=0)
        assert names(cache) == {"objects/old"}
        assert [it.name for it in done.in_use] == ["old"]
    assert not list((cache / "running").iterdir())
    prune(cache, max_size=0)
    assert names(cache) == set()


def test_a_command_that_died_keeps_nothing(cache: Path) -> None:
    note_use(cache, cache / "objects" / "old")
    left = cache / "running" / "dead.lock"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    os.utime(left, (1, 1))
    assert len(prune(cache, max_size=0).removed) == 3
    assert not left.exists()


def test_a_lease_is_held_until_the_end(cache: Path) -> None:
    with lease(cache):
        (held,) = (cache / "running").iterdir()
        with pytest.raises(AssertionError), locked(held, on_wait=pytest_fail):
            pass


def pytest_fail(_: str) -> None:
    raise AssertionError


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda it: it.name)
def test_every_shelf_is_counted_and_pruned(tmp_path: Path, shelf: object) -> None:
    name = str(getattr(shelf, "name", ""))
    (tmp_path / name / "thing").mkdir(parents=True)
    (tmp_path / name / "thing.lock").touch()
    (tmp_path / name / ".scratch").touch()
    assert len(inventory(tmp_path)) == 1
    assert len(prune(tmp_path, max_size=-1).removed) == 1
    assert inventory(tmp_path) == ()


def test_paths_outside_of_the_cache_are_not_noted(cache: Path, tmp_path: Path) -> None:
    before = sorted(cache.rglob("*"))
    note_use(cache, tmp_path / "elsewhere")
    assert sorted(cache.rglob("*")) == before


def test_what_a_killed_prune_left_is_tidied_up(cache: Path) -> None:
    left = cache / "objects" / ".pruned.x" / "half"
    left.mkdir(parents=True)
    assert "objects/.pruned.x" not in names(cache)
    prune(cache)
    assert not left.parent.exists()


def test_what_a_link_leads_to_is_neither_counted_nor_removed(cache: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for name in ("sources/tree", "sources/.pruned.x", "zig/lib"):
        (mine / name).mkdir(parents=True)
    for shelf in ("sources", "zig"):
        (cache / shelf).symlink_to(mine / shelf)
    assert not {it for it in names(cache) if it.startswith(("sources", "zig"))}
    prune(cache, max_size=-1)
    assert names(cache) == set()
    assert (mine / "sources" / "tree").is_dir()
    assert (mine / "sources" / ".pruned.x").is_dir(), "another may be at it"
    assert (mine / "zig" / "lib").is_dir()
    assert (cache / "sources").is_symlink()
