import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.source import store
from builder.source.pins import Pin, Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.providers import SourceProvider
from tests.unit.source.small import FILES, release, write


def _components(pins: Release, choice: int = 0) -> list[Component]:
    return [
        Component(
            name=pin.name,
            version=pin.archives[0].version,
            sha256=pin.archives[min(choice, len(pin.archives) - 1)].sha256,
            licence=pin.licence,
            root=Path("unused"),
        )
        for pin in pins.components
    ]


def _fill(pin: Pin, root: Path) -> None:
    write(root, FILES[pin.name])


def _make(
    sources: Path,
    pins: Release,
    *,
    choice: int = 0,
    fill: Callable[[Pin, Path], None] = _fill,
) -> SourceTree:
    return store.make_tree(sources, pins, SourceProvider.DEBIAN, _components(pins, choice), fill)


def test_a_tree_is_found_again_as_it_was_made(tmp_path: Path) -> None:
    made = _make(tmp_path, release())
    assert made == store.find_tree(tmp_path, release(), SourceProvider.AUTO)
    assert made.root("fmt").parent.name == f"2.6.0-{made.digest[:16]}"
    assert (made.root("fmt") / "include/fmt.h").is_file()
    assert made.provider == "debian"


def test_only_trees_of_the_wanted_provider_are_taken(tmp_path: Path) -> None:
    _make(tmp_path, release())
    assert store.find_tree(tmp_path, release(), SourceProvider.DEBIAN)
    assert store.find_tree(tmp_path, release(), SourceProvider.CACHE)
    assert store.find_tree(tmp_path, release(), SourceProvider.GIT) is None


def test_the_first_choice_of_archives_is_preferred(tmp_path: Path) -> None:
    second = _make(tmp_path, release(), choice=1)
    assert store.find_tree(tmp_path, release(), SourceProvider.AUTO) == second
    first = _make(tmp_path, release())
    assert first.digest != second.digest
    assert store.find_tree(tmp_path, release(), SourceProvider.AUTO) == first


def test_a_tree_the_pins_no_longer_allow_is_not_found(tmp_path: Path) -> None:
    _make(tmp_path, release(), choice=1)
    top, fmt = release().components
    narrowed = replace(release(), components=(top, replace(fmt, archives=fmt.archives[:1])))
    other_excludes = replace(release(), components=(top, replace(fmt, excludes=("doc",))))
    assert store.find_tree(tmp_path, narrowed, SourceProvider.AUTO) is None
    assert store.find_tree(tmp_path, other_excludes, SourceProvider.AUTO) is None


def test_a_tree_of_git_is_known_by_the_commit_of_the_release(tmp_path: Path) -> None:
    pins = release(commit="a" * 40)
    commits = {"pytorch": "a" * 40, "fmt": "b" * 40}
    components = [
        Component(name=name, version=commits[name], sha256="", licence="MIT", root=tmp_path)
        for name in commits
    ]
    made = store.make_tree(tmp_path, pins, SourceProvider.GIT, components, _fill)
    assert store.find_tree(tmp_path, pins, SourceProvider.GIT) == made
    moved = replace(pins, commit="c" * 40)
    assert store.find_tree(tmp_path, moved, SourceProvider.GIT) is None


@pytest.mark.parametrize("accident", ["no stamp", "half a stamp", "newer schema", "no component"])
def test_a_tree_without_a_good_stamp_is_not_found(tmp_path: Path, accident: str) -> None:
    made = _make(tmp_path, release())
    place = made.root("fmt").parent
    stamp = place / "stamp.json"
    text = stamp.read_text()
    match accident:
        case "no stamp":
            stamp.unlink()
        case "half a stamp":
            stamp.write_text(text[: len(text) // 2])
        case "newer schema":
            stamp.write_text(json.dumps(json.loads(text) | {"schema": 2}))
        case _:
            made.root("fmt").rename(place / "moved")
    assert store.find_tree(tmp_path, release(), SourceProvider.AUTO) is None
    assert _make(tmp_path, release()) == made


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(pin: Pin, root: Path) -> None:
        _fill(pin, root)
        if pin.name == "fmt":
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        _make(tmp_path, release(), fill=fail)
    assert not list(tmp_path.iterdir())


def test_what_lacks_required_files_does_not_become_a_tree(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"lacks version\.txt, c10/core\.h"):
        _make(tmp_path, release(), fill=lambda _pin, _root: None)
    assert not list(tmp_path.iterdir())


def test_leftovers_of_killed_runs_are_swept_and_strangers_are_not(tmp_path: Path) -> None:
    write(tmp_path / ".2.6.0-0123.abc", {"pytorch/half": ""})
    write(tmp_path / ".2.7.0-0123.abc", {"pytorch/half": ""})
    (tmp_path / ".lock").touch()
    made = _make(tmp_path, release())
    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock",
        ".2.7.0-0123.abc",
        made.root("fmt").parent.name,
    }


def test_the_digest_does_not_depend_on_the_order_of_components() -> None:
    pins = release()
    identities = {"pytorch": "1", "fmt": "2"}
    turned = replace(pins, components=pins.components[::-1])
    assert store.digest(pins, identities) == store.digest(turned, identities)
    assert store.digest(pins, identities) != store.digest(pins, {"pytorch": "2", "fmt": "1"})
