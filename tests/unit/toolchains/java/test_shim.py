import re
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.shim import SOURCES, compile_shim
from builder.vocabulary.errors import CompileError
from tests.conftest import FakeRunner
from tests.golden.tiny import make_plan


def test_it_is_linked_to_the_runtime_beside_it(
    host: Host, runner: FakeRunner, tmp_path: Path
) -> None:
    tools = make_plan().toolchain
    made = compile_shim(tools, Path("/lib/libbuild_runtime.so"), [Path("/jdk")], tmp_path, host)
    assert made == tmp_path / "libpytorch_jni_lite.so"
    (command,) = runner.commands
    words = command.argv
    assert words[0] == str(tools.cc)
    assert {"/jdk", "/lib/libbuild_runtime.so", "-Wl,-rpath,$ORIGIN"} < set(words)
    assert "-Wl,-z,max-page-size=16384" in words
    assert {it.name for it in map(Path, words) if it.suffix == ".c"} == {
        it.name for it in SOURCES.glob("*.c")
    }


def test_a_compiler_that_refuses_is_told(host: Host, runner: FakeRunner, tmp_path: Path) -> None:
    tools = make_plan().toolchain
    runner.answer(tools.cc.name, stderr="fatal error: 'jni.h' file not found", status=1)
    with pytest.raises(CompileError, match=r"does not compile for linux-arm64-v8a:\n.*jni\.h"):
        compile_shim(tools, Path("/lib/libbuild_runtime.so"), [], tmp_path, host)


def test_both_sides_number_kinds_alike() -> None:
    native = re.findall(r"JAVA_(\w+) = (\d+)", (SOURCES / "names.h").read_text())
    value = (JAVA / "org/pytorch/IValue.java").read_text()
    assert len(native) == 16
    assert native == re.findall(r"private static final int (\w+) = (\d+);", value)


def test_dtypes_have_the_numbers_of_the_interface() -> None:
    header = (SOURCES.parents[1] / "include/build_runtime.h").read_text()
    numbers = dict(re.findall(r"BR_(\w+) = (\d+)", header))
    ours = re.findall(
        r"^  (\w+)\((\d+), \d+, \"(\w+)\"\)",
        (JAVA / "org/pytorch/DType.java").read_text(),
        re.MULTILINE,
    )
    assert len(ours) == 12
    for name, number, text in ours:
        assert numbers[name] == number
        assert text == name.lower()
