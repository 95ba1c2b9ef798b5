"""What every test shares: marks by folder, the guard of the fast tests, and the fake runner."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

import pytest
from hypothesis import settings

from builder.foundation.process import Command, CommandError, Completed, Host
from tests.places import TESTS

# CI machines pause; slow is not wrong. CI looks longer: `--hypothesis-profile thorough`.
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile("quick")

FAST: Final = frozenset({"unit", "golden", "failing", "docs"})
SLOW: Final = frozenset({"torch", "native", "e2e", "packaging", "sanitizers"})

_LEFT_OUT: Final = re.compile(r"not \((\w+(?: or \w+)*)\)")
"""What `-m` is in pyproject.toml: none of these marks."""

_PROCESS_EVENTS: Final = frozenset({
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty",
})  # fmt: skip


class _Guard:
    """Refuse to start processes or touch sockets while `active`.

    An audit hook sees what C code does as well, and cannot be bypassed by an import made before.
    It can never be removed, hence the switch.
    """

    def __init__(self) -> None:
        self.active = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and (event in _PROCESS_EVENTS or event.startswith("socket.")):
            pytest.fail(f"a fast test may not do this: {event} {arguments!r}", pytrace=True)


_GUARD: Final = _Guard()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected files of tests/golden"
    )
    parser.addoption(
        "--reason", default="", help="why a runtime grows, for the sizes that are promised"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders that `-m` deselects as a whole: torch alone takes seconds to import."""
    left_out = _LEFT_OUT.fullmatch(config.getoption("markexpr"))
    if left_out is None or collection_path.parent != TESTS:
        return None
    return True if collection_path.name in SLOW & set(left_out[1].split(" or ")) else None


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = _folder(item)
        if folder in SLOW:
            item.add_marker(folder)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("torch") is not None and find_spec("torch") is None:
        unavailable("this test needs the Python package torch")


@pytest.fixture(autouse=True)
def _no_effects(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the fast tests fast: no process, no network, unless a mark of SLOW allows it."""
    allowed = any(request.node.get_closest_marker(name) for name in SLOW)
    _GUARD.active = _folder(request.node) in FAST and not allowed
    yield
    _GUARD.active = False


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """Find a program on PATH; without it skip the test, or fail it in CI."""

    def find(program: str) -> Path:
        found = shutil.which(program)
        if found is None:
            unavailable(f"this test needs the program {program}")
        return Path(found)

    return find


class FakeRunner:
    """A runner that starts nothing: it records commands and gives scripted answers.

    An answer belongs to a program name (the last part of `argv[0]`), and is either fixed or made
    from the command; a program without one succeeds silently.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self._answers: dict[str, Callable[[Command], Completed]] = {}

    def answer(self, program: str, stdout: str = "", *, stderr: str = "", status: int = 0) -> None:
        """Let every command that runs `program` end like this."""
        self._answers[program] = lambda _: Completed(status, stdout, stderr)

    def answer_with(self, program: str, respond: Callable[[Command], Completed]) -> None:
        """Let `respond` decide (and write what the program would) for every such command."""
        self._answers[program] = respond

    @property
    def programs(self) -> list[str]:
        """The names of the programs in the order they were run."""
        return [Path(command.argv[0]).name for command in self.commands]

    def run(
        self, command: Command, *, log: Path, on_line: Callable[[str], None] | None = None
    ) -> None:
        completed = self.capture(command)
        lines = (completed.stdout + completed.stderr).splitlines()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as sink:
            sink.writelines(f"{line}\n" for line in (f"$ {command}", *lines))
        for line in lines:
            if on_line is not None:
                on_line(line)
        if completed.status != 0:
            raise CommandError(command, completed.status, log, tuple(lines))

    def capture(self, command: Command, *, timeout: float | None = None) -> Completed:
        del timeout
        self.commands.append(command)
        respond = self._answers.get(Path(command.argv[0]).name)
        return respond(command) if respond is not None else Completed(0, "", "")

    @contextmanager
    def background(self, command: Command) -> Iterator[Callable[[], Completed]]:
        completed = self.capture(command)
        yield lambda: completed


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def host(tmp_path: Path, runner: FakeRunner) -> Host:
    """A host on which nothing is installed and whose programs are `runner`."""
    env = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}
    return Host(env=env, runner=runner, cache=tmp_path / "cache", jobs=2)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with an expected file; `--update-golden` writes that file instead."""
    update = bool(request.config.getoption("--update-golden"))

    def check(expected: Path, text: str) -> None:
        if update:
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_text(text, encoding="utf-8")
        assert text == expected.read_text(encoding="utf-8"), (
            f"see pytest --update-golden ({expected})"
        )

    return check


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""


def unavailable(reason: str) -> NoReturn:
    """Skip a test for what is missing here, which CI must have."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must run every test", pytrace=False)
    pytest.skip(reason)
