"""A JVM with `org.pytorch.torchvision`, its library, and small stand-ins for Android's classes."""

import base64
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from builder.foundation.resources import JAVA, NATIVE
from tests.e2e.jvm.machine import JUNIT
from tests.places import TESTS

FAKES: Final = TESTS / "native" / "vision"
PROJECT: Final = NATIVE / "vision"
DEADLINE: Final = 120.0

Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Machine:
    """`classes` are folders and jars; `library` is that of our native functions.

    The JVM checks every use of JNI, which takes its time.
    """

    java: Path
    classes: tuple[Path, ...]
    library: Path
    checked: bool = True

    def words(self, *words: object, libraries: Sequence[Path] = ()) -> list[str]:
        """Return the command that runs a class."""
        path = ":".join(map(str, self.classes))
        flags = (*(["-Xcheck:jni"] if self.checked else []), "-XX:+UseSerialGC")
        folders = ":".join(map(str, libraries or (self.library.parent,)))
        named = f"-Djava.library.path={folders}"
        return [str(self.java), *flags, named, "-cp", path, *map(str, words)]

    def run(self, *words: object, libraries: Sequence[Path] = (), told: str = "") -> str:
        """Return what a class prints, which is told something by the standard input."""
        done = subprocess.run(
            self.words(*words, libraries=libraries),
            env=self._env(), input=told, capture_output=True, text=True, check=False,
            timeout=DEADLINE,
        )  # fmt: skip
        assert "WARNING" not in done.stdout, done.stdout
        return done.stdout + done.stderr

    @contextmanager
    def conversions(self) -> Iterator["Conversions"]:
        """Start a JVM that converts images until it is no longer asked."""
        words = self.words("org.pytorch.torchvision.Conversions")
        with subprocess.Popen(
            words, env=self._env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield Conversions(process)
            process.communicate(timeout=DEADLINE)
        assert process.returncode == 0

    def _env(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(self.library.parent)}


@dataclass(frozen=True)
class Conversions:
    """Images in, elements out."""

    process: subprocess.Popen[str]
    deadline: float = DEADLINE
    """Seconds for one image."""

    def ask(self, *words: object) -> tuple[Floats, tuple[str, ...]]:
        """Return the elements that an image becomes, and what else is told of it."""
        overdue = Timer(self.deadline, self.process.kill)
        overdue.start()
        try:
            elements, *more = self._answer(*map(_spelled, words)).split() or ("",)
        finally:
            overdue.cancel()
        assert elements, f"the JVM ended, or told nothing for {self.deadline} s"
        return np.frombuffer(base64.b64decode(elements), np.float32), tuple(more)

    def _answer(self, *words: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()


def _spelled(word: object) -> str:
    return base64.b64encode(word).decode() if isinstance(word, bytes) else str(word)


def build_library(cmake: Path, folder: Path) -> Path:
    """Build our library for bitmaps of the tests; return its place beside the other one."""
    headers = FAKES / "jnigraphics"
    graphics = folder / "x86_64" / "libjnigraphics.so"
    graphics.parent.mkdir(parents=True)
    check(
        cmake, "-S", PROJECT, "-B", folder, "-DANDROID_ABI=x86_64",
        "-DPYTORCH_VISION_BITMAPS=ON", f"-DCMAKE_CXX_FLAGS=-I{headers}",
        f"-DCMAKE_SHARED_LINKER_FLAGS=-L{graphics.parent}",
    )  # fmt: skip
    compile_shared([headers / "bitmap.cpp"], graphics, folder, f"-I{headers}")
    check(cmake, "--build", folder)
    return graphics.with_name("libpytorch_vision_jni.so")


def compile_shared(
    sources: Sequence[Path], library: Path, configured: Path, *flags: object
) -> None:
    """Compile another library with the headers of Java that CMake has found."""
    cache = (configured / "CMakeCache.txt").read_text()
    (jni,) = re.findall(r"^JAVA_INCLUDE_PATH:\w+=(.*)$", cache, re.MULTILINE)
    headers = (f"-I{jni}", f"-I{jni}/linux", *flags)
    check("g++", "-O2", "-shared", "-fPIC", *headers, *sources, "-o", library)


def compile_classes(javac: Path, folder: Path) -> tuple[Path, ...]:
    """Compile our classes as they ship, then the tests beside stand-ins for Android's classes."""
    ours, tests = folder / "ours", folder / "tests"
    compile_sources(
        javac, sorted((JAVA / "org").rglob("*.java")), ours,
        "--release", "8", "-Xlint:all", "-Xlint:-options", "-Werror",
        "-sourcepath", JAVA / "stubs", "-implicit:none",
    )  # fmt: skip
    path = ":".join(map(str, (ours, *JUNIT)))
    compile_sources(javac, sorted((FAKES / "java").rglob("*.java")), tests, "-nowarn", "-cp", path)
    return (tests, ours, *JUNIT)


def compile_sources(javac: Path, sources: Sequence[Path], into: Path, *flags: object) -> None:
    """Compile classes into a folder."""
    check(javac, "-encoding", "UTF-8", *flags, "-d", into, *sources)


def check(*words: object) -> None:
    """Run a program, which is to succeed."""
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stdout + done.stderr
