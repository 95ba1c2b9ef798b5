from pathlib import Path, PurePosixPath

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.toolchains.java.classes import sources
from builder.toolchains.java.documents import document, source_entries
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner

JDK = Jdk(Path("/jdk"), 17)


def test_sources_lie_where_their_package_is() -> None:
    places = [str(it) for it, _ in source_entries(sources())]
    assert places == sorted(places)
    assert "org/pytorch/Module.java" in places


def test_pages_are_those_of_javadoc(host: Host, runner: FakeRunner) -> None:
    def write(command: Command) -> Completed:
        folder = Path(command.argv[command.argv.index("-d") + 1])
        (folder / "org").mkdir()
        for name in ("org/Tensor.html", "index.html"):
            (folder / name).write_text(name)
        return Completed(0, "", "")

    runner.answer_with("javadoc", write)
    assert document(JDK, sources(), host) == (
        (PurePosixPath("index.html"), b"index.html"),
        (PurePosixPath("org/Tensor.html"), b"org/Tensor.html"),
    )
    (command,) = runner.commands
    assert command.argv[0] == "/jdk/bin/javadoc"
    assert "-notimestamp" in command.argv


def test_comments_that_javadoc_refuses_are_told(host: Host, runner: FakeRunner) -> None:
    runner.answer("javadoc", stderr="error: unknown tag", status=1)
    with pytest.raises(CompileError, match="javadoc of release 17 refused") as caught:
        document(JDK, sources(), host)
    assert "unknown tag" in caught.value.message
