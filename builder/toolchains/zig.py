"""Find the tools a build needs and make a cross toolchain out of the pip-installed zig."""

import hashlib
import importlib.util
import itertools
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from builder.foundation.files import locked, replace_link, write_atomic, write_if_changed
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import LinkLine, Program, Toolchain
from builder.vocabulary.targets import Target, facts

_REVISION: Final = 3  # of the wrappers: part of every object's fingerprint
_CLANG: Final = "22.1.8"  # inside ziglang 0.17.1
_PROBE: Final = """\
#include <stdexcept>
#include <string>
extern "C" int probe(int value) {
  try {
    if (value != 0) throw std::runtime_error(std::to_string(value));
  } catch (const std::exception& error) {
    return error.what()[0];
  }
  return 0;
}
"""


def find_program(name: str, host: Host) -> Path:
    """Find a program beside this Python or on PATH; no process is started."""
    search = [str(Path(sys.executable).parent), *host.env.get("PATH", "").split(":")]
    found = shutil.which(name, path=":".join(search))
    if found is None:
        raise ToolchainError(
            f"{name} was not found",
            looked_in=[str(Path(sys.executable).parent), "$PATH"],
            hint=f"pip install {name}     (run `build-runtime doctor` to see what else is missing)",
        )
    return Path(found)


def program_version(program: Path, host: Host) -> str:
    """Ask a program for its version; raise `ToolchainError` when it does not run."""
    result = host.runner.capture(
        Command((str(program), "--version"), Path("/"), host.child_env()), timeout=20
    )
    if result.status != 0 or not result.stdout.strip():
        raise ToolchainError(
            f"{program} does not work: {(result.stderr or result.stdout).strip()}",
            hint=f"reinstall it: pip install --force-reinstall {program.name}",
        )
    return result.stdout.split("\n", 1)[0].split()[-1]


def find_zig() -> Program:
    """Find the zig of the `ziglang` package; no process is started."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise ToolchainError(
            "the zig toolchain is not installed",
            looked_in=[f"the packages of {sys.executable}"],
            hint="pip install ziglang",
        )
    from importlib.metadata import version  # noqa: PLC0415  costs 20 ms at start-up

    return Program("zig", Path(spec.origin).parent / "zig", version("ziglang"))


def prepare(target: Target, host: Host) -> Toolchain:
    """Return a toolchain for `target`: wrappers in the cache around tools that are there.

    No process is started. Raises `ToolchainError` when a tool is missing.
    """
    zig = find_zig()
    cmake, ninja = find_program("cmake", host), find_program("ninja", host)
    # Neither the folder nor what compilers see of zig's headers names the place where zig is
    # installed: the objects must stay up to date when that is another virtual environment.
    headers = host.cache / "toolchains" / f"zig-{zig.version}"
    root = host.cache / "toolchains" / f"{target}-zig-{zig.version}-{_REVISION}"
    with locked(root.with_name(f"{root.name}.lock")):
        replace_link(headers, zig.path.parent / "lib")
        _write_wrappers(root, zig, headers, target, host)
    digest = hashlib.sha256(json.dumps([_REVISION, zig.version, str(target)]).encode())
    return Toolchain(
        target=target,
        cmake=cmake,
        ninja=ninja,
        compiler=zig,
        clang=_CLANG,
        cc=root / "cc",
        cxx=root / "cxx",
        ar=root / "ar",
        linker=root / "ld",
        digest=digest.hexdigest(),
    )


def _write_wrappers(root: Path, zig: Program, headers: Path, target: Target, host: Host) -> None:
    """Write one file per tool, without arguments of its own: what CMake and compiler caches like.

    zig takes no `-march` of the ARM family: the CPU comes as `-mcpu` in zig's spelling. Its
    undefined-behaviour sanitizer would be on in unoptimised links such as CMake's probes.
    """
    abi = facts(target.abi)
    environment = (
        f"export ZIG_LIB_DIR={shlex.quote(str(headers))}\n"
        f"export ZIG_GLOBAL_CACHE_DIR={shlex.quote(str(host.cache / 'zig'))}\n"
        f"export ZIG_LOCAL_CACHE_DIR={shlex.quote(str(host.cache / 'zig'))}\n"
    )
    program = shlex.quote(str(zig.path))
    common = f"-target {abi.zig_target} -mcpu={abi.zig_cpu} -fno-sanitize=undefined"
    for name, line in {
        "cc": f"{program} cc {common}",
        "cxx": f"{program} c++ {common}",
        "ar": f"{program} ar",
        "ranlib": f"{program} ranlib",
        "ld": f"{program} ld.lld",
    }.items():
        about = f"# zig {zig.version}, {target}, wrapper {_REVISION}"
        text = f'#!/bin/sh\n{about}\n{environment}exec {line} "$@"\n'
        write_if_changed(root / name, text, mode=0o755)


@contextmanager
def learned_link(toolchain: Toolchain, host: Host) -> Iterator[Callable[[], LinkLine]]:
    """Ask the compiler how it links a C++ library, while the body goes on; remember the answer.

    zig's driver refuses many of lld's options (`--icf`, `-Map`); calling its lld ourselves with the
    libraries the driver would have used accepts them all. The first time for a target zig builds
    these libraries (about a minute of one core), which compiling need not wait for.

    The function this yields waits for the answer; it raises `ToolchainError` if there is none.
    """
    root = toolchain.cxx.parent
    recipe = root / "link.json"
    if (known := _read_recipe(recipe)) is not None:
        yield lambda: known
        return
    with tempfile.TemporaryDirectory(dir=root) as name:
        scratch = Path(name)
        write_atomic(scratch / "probe.cpp", _PROBE)
        command = Command(
            (str(toolchain.cxx), "-Os", "-fPIC", "-shared", "-s", "probe.cpp", "-o", "probe.so"),
            scratch,
            host.child_env(ZIG_VERBOSE_LINK="1"),
        )
        with host.runner.background(command) as finish:

            @cache
            def learn() -> LinkLine:
                line = _parse_link(finish(), command, toolchain)
                document = {"flags": line.flags, "libraries": [str(it) for it in line.libraries]}
                write_atomic(recipe, json.dumps(document, indent=1))
                return line

            yield learn


def _parse_link(result: Completed, command: Command, toolchain: Toolchain) -> LinkLine:
    lines = [line for line in result.stderr.splitlines() if line.startswith("ld.lld ")]
    if result.status != 0 or not lines:
        compiler = toolchain.compiler
        reason = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise ToolchainError(
            f"{compiler.name} {compiler.version} cannot link a C++ library for {toolchain.target}:"
            f" {reason}",
            hint=f"repeat it by hand:\n    {command}",
        )
    words = shlex.split(lines[-1])
    libraries = tuple(
        (command.cwd / word).resolve()
        for word in words
        if word.endswith(".a") or ".so." in Path(word).name
    )
    return LinkLine(_kept_flags(words), libraries)


def _read_recipe(recipe: Path) -> LinkLine | None:
    """Return what was learned before, or None when there is nothing, or libraries are gone."""
    try:
        known = json.loads(recipe.read_text())
        line = LinkLine(tuple(known["flags"]), tuple(map(Path, known["libraries"])))
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None
    return line if all(path.is_file() for path in line.libraries) else None


def _kept_flags(words: list[str]) -> tuple[str, ...]:
    """Keep what describes the target (emulation, float ABI); our own flags say the rest."""
    kept: list[str] = []
    for flag, value in itertools.pairwise(words):
        if flag in ("-m", "-mllvm"):
            kept += [flag, value]
    return tuple(kept)
