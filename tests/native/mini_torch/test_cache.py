"""The cache as a product: what it holds can be moved, looked at, and thinned out."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from builder.source import store
from builder.source.pins import Pin, pins
from builder.source.request import SourceRequest
from builder.vocabulary.plan import Component
from builder.vocabulary.providers import SourceProvider
from tests.documents import validate
from tests.e2e.real import Runtime, Tool, objects, wait_until
from tests.native.mini_torch.installing import install_tool
from tests.native.mini_torch.workshop import Workshop


def with_cached_source(workshop: Workshop, source: Path) -> Workshop:
    """Put the source tree into the cache, as if its archives had been fetched."""
    release = pins(SourceRequest().version)

    def fill(pin: Pin, root: Path) -> None:
        shutil.copytree(source / pin.submodule, root, dirs_exist_ok=True)

    components = [
        Component(pin.name, "", pin.archives[0].sha256, pin.licence, Path())
        for pin in release.components
    ]
    sources = workshop.tool.cache / "sources"
    sources.mkdir()
    store.make_tree(sources, release, SourceProvider.DEBIAN, components, fill)
    return replace(workshop, source=None)


def assert_nothing_is_compiled(workshop: Workshop, wanted: tuple[Path, ...], once: Runtime) -> None:
    again = workshop.build(*wanted)
    assert again.summary["objects"]["compiled"] == 0
    assert again.library.read_bytes() == once.library.read_bytes()
    assert again.archive.read_bytes() == once.archive.read_bytes()


@pytest.mark.parametrize("place", ["in the cache", "a folder of the user's"])
def test_a_moved_cache_costs_a_configure(
    place: str, workshop: Workshop, source: Path, tmp_path: Path
) -> None:
    """CI restores caches to other paths, and checks the project out elsewhere: no rebuild."""
    if place == "in the cache":
        workshop = with_cached_source(workshop, source)
    root = install_tool(tmp_path / "tool")
    before = replace(workshop, tool=Tool(workshop.tool.cache, root))
    once = before.build(*before.first)
    moved = tmp_path / "restored" / "to" / "another place"
    moved.parent.mkdir(parents=True)
    before.tool.cache.rename(moved)
    elsewhere = tmp_path / "checkout" / "tool"
    shutil.copytree(root, elsewhere)
    shutil.rmtree(root)
    after = replace(workshop, tool=Tool(moved, elsewhere))
    assert_nothing_is_compiled(after, after.first, once)


def test_a_cache_may_be_restored_without_its_times(
    workshop: Workshop, source: Path, tmp_path: Path
) -> None:
    workshop = with_cached_source(workshop, source)
    once = workshop.build(*workshop.first)
    restored = tmp_path / "restored"
    shutil.copytree(workshop.tool.cache, restored, symlinks=True, copy_function=shutil.copy)
    shutil.rmtree(workshop.tool.cache)
    after = replace(workshop, tool=replace(workshop.tool, cache=restored))
    assert_nothing_is_compiled(after, after.first, once)


def test_compile_commands_name_no_path_of_the_machine(workshop: Workshop, source: Path) -> None:
    workshop = with_cached_source(workshop, source)
    workshop.build(*workshop.first)
    graphs = workshop.tool.cache.glob("objects/*/build/build.ninja")
    flags = [
        line for graph in graphs for line in graph.read_text().splitlines()
        if line.lstrip().startswith(("FLAGS =", "DEFINES =", "INCLUDES ="))
    ]  # fmt: skip
    assert flags
    named = (str(workshop.tool.cache), str(workshop.tool.root), str(Path.home()))
    assert not [line for line in flags for path in named if path in line]


def test_cache_shows_what_is_in_it(used: Workshop, first: Runtime) -> None:
    del first
    shown = used.tool.run("cache", "show", "--json", cwd=used.folder).document
    validate("cache", shown)
    assert shown["cache"] == str(used.tool.cache)
    assert len(shown["entries"]) >= 3
    text = used.tool.run("cache", cwd=used.folder).stdout
    assert str(used.tool.cache) in text


def test_what_was_pruned_is_built_again(workshop: Workshop, zig_libraries: Path) -> None:
    once = workshop.build(*workshop.first)
    workshop.tool.run("cache", "prune", "--older-than", "30d", cwd=workshop.folder)
    assert_nothing_is_compiled(workshop, workshop.first, once)
    workshop.tool.run("cache", "prune", "--max-size", "0", cwd=workshop.folder)
    assert not workshop.compiled()
    assert any(zig_libraries.iterdir()), "the cache had a link to them alone"
    again = workshop.build(*workshop.first)
    assert again.archive.read_bytes() == once.archive.read_bytes()


def test_prune_leaves_a_running_build_alone(workshop: Workshop, first: Runtime) -> None:
    tool = workshop.tool
    words = (*workshop.words(*workshop.first), "-o", "one", "--jobs", "1")
    with tool.start(*words, cwd=workshop.folder) as process:
        wait_until(lambda: len(objects(tool)) >= 2, process, seconds=120)
        tool.run("cache", "prune", "--max-size", "0", cwd=workshop.folder)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    (archive,) = (workshop.folder / "one").glob("*.tar.gz")
    assert archive.read_bytes() == first.archive.read_bytes()
