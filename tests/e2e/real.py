"""The real command line, run as users run it, and what the tests build with it.

All tests share one cache, so that sources are fetched and objects compiled once. It outlives the
session: `BUILD_RUNTIME_CACHE_DIR` if that is set, otherwise a folder in pytest's own cache.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pytest

from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, SubprocessRunner
from builder.vocabulary.value_files import Tensor, Value, decode, encode
from tests.places import EXAMPLES, ROOT, STEERING

EMULATORS: Final = {"arm64-v8a": "qemu-aarch64", "armeabi-v7a": "qemu-arm", "x86": "qemu-i386"}

CLASSIFIER: Final = EXAMPLES / "classifier" / "model.pt"
CLASSIFIER_SHAPE: Final = ("--input-shape", "1,3,32,32")
AS_EXPORTED: Final = "classifier as exported"
"""The runtime that holds what the classifier calls where it is not rewritten: plain layers."""

BAD_MODEL: Final = 3
"""What `build-runtime-run` returns for a file that is no model."""

COUNT_PROCESSES: Final = """\
import sys
from pathlib import Path

STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
started = []
sys.addaudithook(lambda event, _: started.append(event) if event in STARTS else None)
from builder.cli import main

code = main(sys.argv[2:])
Path(sys.argv[1]).write_text("\\n".join(started))
sys.exit(code)
"""
"""A program: the command line, whose first word is the file that names the processes it starts."""

DEADLINE: Final = 3600.0
"""Seconds for one command: a cold build on two slow cores, and qemu after it."""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Tool:
    """`python -m builder` of a checkout, this one unless told otherwise, with one cache."""

    cache: Path
    root: Path = ROOT

    def env(self, **extra: str) -> dict[str, str]:
        """Return an environment in which no setting of the developer steers the command."""
        kept = {name: it for name, it in os.environ.items() if not name.startswith(STEERING)}
        ours = {"PYTHONPATH": str(self.root), "BUILD_RUNTIME_CACHE_DIR": str(self.cache)}
        return {**kept, **ours, **extra}

    def start(
        self, *words: object, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in its own session, as a terminal would."""
        return subprocess.Popen(
            [sys.executable, "-m", "builder", *map(str, words)],
            cwd=cwd, env=self.env(**(env or {})), text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(
        self, *words: object, cwd: Path, expect: int = 0, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Run a command to its end and check how it ends."""
        process = self.start(*words, cwd=cwd, env=env)
        try:
            stdout, stderr = process.communicate(timeout=DEADLINE)
        except BaseException:
            interrupt(process)
            raise
        assert process.returncode == expect, (
            f"exit {process.returncode}\n{stderr}\n{stdout[-4000:]}"
        )
        if expect != 1:
            assert "Traceback" not in stderr, stderr
        return Finished(process.returncode, stdout, stderr)


def host_of(tool: Tool) -> Host:
    """Return this machine with the cache of a tool, for tests that ask the pipeline itself."""
    env = MappingProxyType(dict(os.environ))
    return Host(env, SubprocessRunner(), tool.cache, usable_cores())


def shared_cache(config: pytest.Config) -> Path:
    """Return the folder of the cache that real builds of all sessions share."""
    chosen = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    if chosen:
        return Path(chosen).resolve()
    assert config.cache is not None
    return config.cache.mkdir("build-runtime")


def objects(tool: Tool) -> dict[Path, int]:
    """Return the finished objects of a cache's stores with their times.

    An object is finished when ninja has written it into its log. Ctrl-C can end a compiler just
    after it wrote its object: ninja then neither logs nor removes it, and compiles it again.
    """
    return {
        path: path.stat().st_mtime_ns
        for log in (tool.cache / "objects").glob("*/build/.ninja_log")
        for path in logged(log)
        if path.suffix == ".o" and path.exists()
    }


def logged(log: Path) -> set[Path]:
    """Return the outputs in a log of ninja; columns: start, end, time, output, hash."""
    lines = (line.split("\t") for line in log.read_text(encoding="utf-8").splitlines())
    return {log.parent / columns[3] for columns in lines if len(columns) == 5}


def interrupt(process: subprocess.Popen[str]) -> Finished:
    """Press Ctrl-C, and wait until the command has tidied up."""
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=300)
    return Finished(process.returncode, stdout, stderr)


@dataclass(frozen=True)
class Runtime:
    """A runtime that was built: the archive, the folder it was unpacked to, and the summary.

    `under` is what its program is started with: an emulator, to choose the processor.
    """

    abi: str
    prefix: Path
    archive: Path
    summary: Mapping[str, Any]
    under: tuple[str, ...] = ()

    @property
    def library(self) -> Path:
        return self.prefix / "lib" / "libbuild_runtime.so"

    @property
    def program(self) -> Path:
        return self.prefix / "bin" / "build-runtime-run"

    @property
    def manifest(self) -> Any:
        path = self.prefix / "share" / "build_runtime" / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def model(self, name: str) -> Path:
        return self.prefix / "share" / "build_runtime" / "models" / f"{name}.ptl"

    def check(self, name: str, model: str = "") -> Mapping[str, Any]:
        """Return the one check of that name (and model)."""
        (found,) = (
            it for it in self.summary["checks"] if it["name"] == name and it["model"] in ("", model)
        )
        assert isinstance(found, dict)
        return found

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run the program of a runtime of this machine."""
        return subprocess.run(
            [*self.under, self.program, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def run_cases(
        self, model: Path, cases: list[tuple[Value, ...]], scratch: Path, method: str = "forward"
    ) -> list[Value]:
        """Run a method of a model on every case; return the results, failures among them."""
        inputs, outputs = scratch / "inputs.brvf", scratch / "outputs.brvf"
        inputs.write_bytes(encode(list(cases)))
        files = ("--inputs", inputs, "--outputs", outputs)
        named = ("--method", method) if method != "forward" else ()
        completed = self.run(model, *named, *files)
        assert completed.returncode in (0, 6), completed.stderr
        results = decode(outputs.read_bytes())
        assert isinstance(results, list)
        return results


def built(words: Finished, output: Path) -> tuple[Runtime, ...]:
    """Return what a `--json` build wrote."""
    return tuple(
        Runtime(
            abi=it["target"].removeprefix("linux-"),
            prefix=output / it["target"],
            archive=output / Path(it["archive"]).name,
            summary=it,
        )
        for it in words.document["targets"]
    )


def write_example(name: str, folder: Path) -> Path:
    """Run the script of an example as its README says; return the folder of its models."""
    script = "make_models.py" if name == "two_models" else "make_model.py"
    subprocess.run(
        [sys.executable, "-W", "ignore", EXAMPLES / name / script, folder / name], check=True
    )
    return folder / name


def ones(*shape: int, dtype: str = "float32") -> Tensor:
    """Return a tensor of ones for `run_cases`."""
    return Tensor(dtype, shape, np.ones(shape, dtype).tobytes())


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str], *, seconds: float) -> None:
    """Wait for something a running command does; fail when it ends, or takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            stdout, stderr = process.communicate()
            raise AssertionError(f"it ended with {process.returncode}:\n{stderr}\n{stdout}")
        assert time.monotonic() < deadline, f"nothing within {seconds:g} s"
        time.sleep(0.1)
