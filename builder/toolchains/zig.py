"""The cross toolchain made out of the pip-installed zig: every Linux ABI, without root."""

import hashlib
import importlib.util
import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from builder.foundation.cache import note_use
from builder.foundation.files import OnWait, locked, replace_link, write_atomic, write_if_changed
from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import CMAKE
from builder.libtorch.closure.libraries import shared_symbols
from builder.toolchains import compiler_rt
from builder.toolchains.clang import configuration, learn_clang
from builder.toolchains.programs import find_programs
from builder.toolchains.recipes import kept_flags, read_recipe, write_recipe
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import LinkLine, Program, Toolchain
from builder.vocabulary.targets import GLIBC, Abi, Target, target_facts

_REVISION: Final = 5  # of the wrappers: part of every object's fingerprint
RECIPE: Final = "link-2.json"  # the number counts the ways to make it
_COMPILER_RT: Final = "libcompiler_rt.a"
_CLANG: Final = "22.1.8"  # inside ziglang 0.17.1


@dataclass(frozen=True, slots=True)
class _Processor:
    """A processor, as zig names it and as the clang inside does."""

    zig: str
    clang: tuple[str, ...]


_PROCESSORS: Final = {
    Abi.ARM64_V8A: _Processor("generic", ("-march=armv8-a", "-mno-outline-atomics")),
    Abi.ARMEABI_V7A: _Processor("generic+v7a+neon", ("-march=armv7-a", "-mfpu=neon", "-mthumb")),
    Abi.X86_64: _Processor("x86_64", ("-march=x86-64",)),
    Abi.X86: _Processor("i686+sse2", ("-march=i686", "-msse2")),
}
"""Of each ABI the lowest processor that every device has; ARM code is Thumb, as on Android."""

_DIRECT: Final = """\
direct=
for word in "$@"; do
  case $word in
    -c) direct=yes ;;
    -E) test ! -f {file} || direct=yes ;;
  esac
done
test -z "$direct" || exec {program} clang --no-default-config --config={file} "$@"
"""
"""What a compiler's wrapper does before all else; the words are for `format`."""

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


def target_flags(target: Target) -> tuple[str, ...]:
    """Return how zig is told what it compiles for.

    zig takes no `-march` of the ARM family: the CPU comes as `-mcpu` in zig's spelling. Its
    undefined-behaviour sanitizer would be on in unoptimised links such as CMake's probes.
    """
    triple = f"{target_facts(target).triple}.{GLIBC}"
    return ("-target", triple, f"-mcpu={_PROCESSORS[target.abi].zig}", "-fno-sanitize=undefined")


def prepare(target: Target, host: Host, on_wait: OnWait | None = None) -> Toolchain:
    """Return a toolchain for `target`: wrappers in the cache around tools that are there.

    No process is started. Raises `ToolchainError` when a tool is missing.
    """
    zig = find_zig()
    cmake, ninja = find_programs(host)
    # Neither the folder nor what compilers see of zig's headers names the place where zig is
    # installed: the objects must stay up to date when that is another virtual environment.
    headers = _headers(zig, host)
    root = host.cache / "toolchains" / f"{target}-zig-{zig.version}-{_REVISION}"
    for kept in (headers, root, host.cache / "zig"):
        note_use(host.cache, kept)
    doing = f"preparing the toolchain for {target}"
    with locked(root.with_name(f"{root.name}.lock"), doing=doing, on_wait=on_wait):
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
        cmake_file=CMAKE / "toolchains" / "wrappers.cmake",
        digest=digest.hexdigest(),
    )


def _headers(zig: Program, host: Host) -> Path:
    return host.cache / "toolchains" / f"zig-{zig.version}"


def _write_wrappers(root: Path, zig: Program, headers: Path, target: Target, host: Host) -> None:
    """Write one file per tool, without arguments of its own: what CMake can call.

    A compiler that is told to compile (`-c`) is the clang inside zig: Note [Direct] in
    `builder.toolchains.clang`. So is one that only preprocesses (`-E`), as launchers do before they
    compile, once it is known how. Whatever else it is told goes to zig's driver.
    """
    environment = (
        f"export ZIG_LIB_DIR={shlex.quote(str(headers))}\n"
        f"export ZIG_GLOBAL_CACHE_DIR={shlex.quote(str(host.cache / 'zig'))}\n"
        f"export ZIG_LOCAL_CACHE_DIR={shlex.quote(str(host.cache / 'zig'))}\n"
    )
    program = shlex.quote(str(zig.path))
    common = " ".join(target_flags(target))
    for name, line in {
        "cc": f"{program} cc {common}",
        "cxx": f"{program} c++ {common}",
        "ar": f"{program} ar",
        "ranlib": f"{program} ranlib",
        "ld": f"{program} ld.lld",
    }.items():
        about = f"# zig {zig.version}, {target}, wrapper {_REVISION}"
        direct = _DIRECT.format(program=program, file=shlex.quote(str(configuration(root / name))))
        tool = direct if name in ("cc", "cxx") else ""
        text = f'#!/bin/sh\n{about}\n{environment}{tool}exec {line} "$@"\n'
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
    recipe = root / RECIPE
    if (known := read_recipe(recipe, host.cache)) is not None:
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
                line = _with_system_functions(_parse_link(finish(), command, toolchain), root)
                write_recipe(recipe, line, host.cache)
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
    return LinkLine(kept_flags(words), libraries)


def _with_system_functions(line: LinkLine, root: Path) -> LinkLine:
    """Replace zig's compiler-rt by a copy, in `root`, without what the system's libraries have."""
    names = shared_symbols(line.shared)

    def replaced(library: Path) -> Path:
        if library.name != _COMPILER_RT:
            return library
        write_atomic(root / _COMPILER_RT, compiler_rt.without(library.read_bytes(), names))
        return root / _COMPILER_RT

    return replace(line, libraries=tuple(map(replaced, line.libraries)))


class _Zig:
    """The provider: see `builder.toolchains.protocol`."""

    name = "the pip-installed zig"
    optional = False

    def find(self, host: Host) -> Program:
        del host
        return find_zig()

    def told(self, host: Host) -> tuple[str, ...]:
        del host
        return ()

    def refuse(self, target: Target, host: Host) -> None:
        del target, host

    def identity(self, target: Target, host: Host) -> str:
        del target, host
        return ""  # a version is one package

    def prepare(self, target: Target, host: Host, on_wait: OnWait | None = None) -> Toolchain:
        return prepare(target, host, on_wait)

    def link_line(
        self, toolchain: Toolchain, host: Host
    ) -> AbstractContextManager[Callable[[], LinkLine]]:
        processor = _PROCESSORS[toolchain.target.abi].clang
        learn_clang(toolchain, _headers(toolchain.compiler, host), processor, host)
        return learned_link(toolchain, host)


ZIG: Final = _Zig()
