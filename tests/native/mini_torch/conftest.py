"""What the tests of mini_torch share: the source tree, the tool, zig's libraries, and one build."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.real import Runtime, Tool, shared_cache
from tests.native.mini_torch.installing import install_tool, write_tree
from tests.native.mini_torch.workshop import Workshop

NewWorkshop = Callable[[], Workshop]


@pytest.fixture(scope="session")
def zig_libraries(pytestconfig: pytest.Config) -> Path:
    """Return where zig keeps the C and C++ libraries it builds, a minute for each target.

    The folder outlives the session, and is the one that real builds use.
    """
    libraries = shared_cache(pytestconfig) / "zig"
    libraries.mkdir(parents=True, exist_ok=True)
    return libraries


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("mini_torch") / "source")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_tool(tmp_path_factory.mktemp("tool"))


@pytest.fixture(scope="session")
def new_workshop(
    zig_libraries: Path, source: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> NewWorkshop:
    """Return a function that makes a workshop with an empty cache, but for zig's libraries."""

    def make() -> Workshop:
        folder = tmp_path_factory.mktemp("workshop")
        cache = folder / "cache"
        cache.mkdir()
        (cache / "zig").symlink_to(zig_libraries)
        return Workshop(Tool(cache, installed), source, folder)

    return make


@pytest.fixture
def workshop(new_workshop: NewWorkshop) -> Workshop:
    """Return a workshop with an empty cache."""
    return new_workshop()


@pytest.fixture(scope="session")
def used(new_workshop: NewWorkshop) -> Workshop:
    """Return a workshop that tests share, whose cache may hold anything."""
    return new_workshop()


@pytest.fixture(scope="session")
def first(used: Workshop) -> Runtime:
    """Return the first runtime that was built in the shared workshop, from nothing."""
    return used.build(*used.first)
