import re
from pathlib import Path, PurePosixPath

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.classes import compile_classes, sources
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner

JDK = Jdk(Path("/jdk"), 17)


def test_all_classes_are_compiled_for_java_8(host: Host, runner: FakeRunner) -> None:
    def compile_both(command: Command) -> Completed:
        folder = Path(command.argv[command.argv.index("-d") + 1]) / "org" / "pytorch"
        folder.mkdir(parents=True)
        for name in ("Tensor", "Module"):
            (folder / f"{name}.class").write_bytes(name.encode())
        return Completed(0, "", "")

    runner.answer_with("javac", compile_both)
    assert compile_classes(JDK, host) == (
        (PurePosixPath("org/pytorch/Module.class"), b"Module"),
        (PurePosixPath("org/pytorch/Tensor.class"), b"Tensor"),
    )
    (command,) = runner.commands
    assert command.argv[:3] == ("/jdk/bin/javac", "--release", "8")
    assert command.argv[-len(sources()) :] == tuple(map(str, sources()))


def test_a_compiler_that_refuses_is_told(host: Host, runner: FakeRunner) -> None:
    runner.answer("javac", stderr="error: invalid source release: 8", status=2)
    with pytest.raises(CompileError, match="javac of release 17 refused") as caught:
        compile_classes(JDK, host)
    assert "invalid source release" in caught.value.message
    assert "/jdk/bin/javac --release 8" in caught.value.hint


def test_our_classes_need_no_library() -> None:
    allowed = ("java.io.", "java.lang.", "java.nio.", "java.util.", "android.content.res.")
    assert len(sources()) > 10
    for path in sources():
        for name in re.findall(r"^import (?:static )?([\w.]+);", path.read_text(), re.MULTILINE):
            assert name.startswith(allowed), f"{path.name} imports {name}"


def test_only_classes_of_android_are_stubbed() -> None:
    stubs = [it.relative_to(JAVA / "stubs").as_posix() for it in JAVA.glob("stubs/**/*.java")]
    assert "android/content/res/AssetManager.java" in stubs
    assert all(it.startswith("android/") for it in stubs)
