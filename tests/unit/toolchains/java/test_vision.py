from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.toolchains.java.vision import PROJECT, build_vision
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan

HEADERS = (Path("/jdk/include"), Path("/jdk/include/linux"))


def test_cmake_builds_the_project_for_the_target(
    host: Host, runner: FakeRunner, tmp_path: Path
) -> None:
    tools = make_plan().toolchain

    def build(command: Command) -> Completed:
        library = Path(command.argv[-1]) / str(tools.target.abi) / "libpytorch_vision_jni.so"
        library.parent.mkdir()
        library.write_bytes(b"a library")
        return Completed(0, "", "")

    runner.answer_with(tools.ninja.name, build)
    made = build_vision(tools, HEADERS, tmp_path, host)
    assert made == tmp_path / "libpytorch_vision_jni.so"
    assert made.read_bytes() == b"a library"
    configured, built = runner.commands
    assert configured.argv[:3] == (str(tools.cmake), "-S", str(PROJECT))
    assert f"-DCMAKE_TOOLCHAIN_FILE={tools.cmake_file}" in configured.argv
    assert "-DPYTORCH_VISION_HEADERS=/jdk/include;/jdk/include/linux" in configured.argv
    assert built.argv[:2] == (str(tools.ninja), "-C")


def test_what_cmake_refuses_is_told(host: Host, runner: FakeRunner, tmp_path: Path) -> None:
    tools = make_plan().toolchain
    runner.answer(tools.cmake.name, stderr="CMake Error: no such toolchain", status=1)
    with pytest.raises(CompileError, match="cannot be built for linux-arm64-v8a") as caught:
        build_vision(tools, HEADERS, tmp_path, host)
    assert "no such toolchain" in caught.value.message
    assert str(PROJECT) in caught.value.hint


def test_the_project_is_one_that_gradle_builds() -> None:
    text = (PROJECT / "CMakeLists.txt").read_text()
    assert "project(pytorch_vision_jni CXX)" in text
    assert "add_library(pytorch_vision_jni SHARED" in text
    assert "src/main/cpp/*.cpp" in text
    assert "-fexceptions" in text
    assert "string(APPEND BUILD_SUBDIR ${ANDROID_ABI})" in text
