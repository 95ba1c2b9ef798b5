"""Debian's clang as a toolchain that instruments every object of a runtime for this machine.

The zig of a normal build bundles no AddressSanitizer. The wrappers made here differ from zig's in
flags alone, so the pipeline builds with them as with any other toolchain, in an object store of
their own.
"""

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from builder.foundation.files import OnWait, write_if_changed
from builder.foundation.process import Command, Host
from builder.foundation.resources import CMAKE
from builder.toolchains.programs import find_program
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.plan import KindFlags, LinkLine, Program, SourceKind, Toolchain
from builder.vocabulary.targets import Target

_REVISION: Final = 4  # of the wrappers: part of every object's fingerprint
_VERSIONS: Final = (19, 18, 17, 16)


class Sanitizer(StrEnum):
    """What the objects are instrumented with; the values are the names of the builds."""

    ADDRESS = "address"
    THREAD = "thread"


@dataclass(frozen=True)
class _Facts:
    """`flags` are for compiling and linking, `runtime` is the library they call.

    `kernels` are flags that follow for the files of operators alone.
    """

    flags: tuple[str, ...]
    kernels: tuple[str, ...]
    runtime: str


# vptr and function compare type information across libraries, which hidden visibility keeps apart.
# Coverage is what the fuzzers steer by. Kernels and generated files are not optimised, and of what
# is undefined they keep the arithmetic of sizes: the rest would make them take several times as
# long to compile. Of coverage they keep which branches were taken.
_FACTS: Final = {
    Sanitizer.ADDRESS: _Facts(
        ("-fsanitize=address,undefined,fuzzer-no-link", "-fno-sanitize=vptr,function"),
        (
            "-O0",
            "-fno-sanitize=undefined",
            "-fsanitize=signed-integer-overflow",
            "-fno-sanitize-coverage=indirect-calls,trace-cmp,stack-depth",
        ),
        "libclang_rt.asan-x86_64.so",
    ),
    Sanitizer.THREAD: _Facts(("-fsanitize=thread",), ("-O0",), "libclang_rt.tsan-x86_64.so"),
}
_NOT_IN_FULL: Final = (SourceKind.KERNEL, SourceKind.GENERATED, SourceKind.MICROKERNEL)


@dataclass(frozen=True)
class Clang:
    """An installed clang with the libraries it links a C++ program against."""

    cc: Path
    cxx: Path
    linker: Path
    version: str
    resources: Path
    libraries: tuple[Path, ...]


def find_clang(sanitizer: Sanitizer, host: Host) -> Clang:
    """Find the newest clang that has the sanitizer's runtime and libc++; asks it for files."""
    tried = []
    for version in _VERSIONS:
        cxx = shutil.which(f"clang++-{version}", path=host.env.get("PATH", ""))
        if cxx is None:
            tried.append(f"clang++-{version}: not on PATH")
            continue
        names = (
            _FACTS[sanitizer].runtime, "libc++.a", "libc++abi.a", "libgcc_s.so.1", "libm.so.6",
            "libc.so.6", "ld-linux-x86-64.so.2", "libc_nonshared.a",
        )  # fmt: skip
        files = tuple(_file(Path(cxx), name, host) for name in names)
        missing = [name for name, path in zip(names, files, strict=True) if not path.is_file()]
        if not missing:
            told = host.runner.capture(Command((cxx, "-dumpversion"), Path("/"), host.child_env()))
            return Clang(
                find_program(f"clang-{version}", host),
                Path(cxx),
                find_program(f"ld.lld-{version}", host),
                told.stdout.strip(),
                files[0].parent,
                files,
            )
        tried.append(f"clang++-{version}: no {', '.join(missing)}")
    raise ToolchainError(
        "no clang with sanitizers",
        looked_in=tried,
        hint="apt install clang-19 lld-19 libclang-rt-19-dev libc++-19-dev libc++abi-19-dev",
    )


@dataclass(frozen=True)
class InstrumentingClang:
    """The toolchain that instruments; see `builder.toolchains.protocol`."""

    sanitizer: Sanitizer

    @property
    def name(self) -> str:
        return f"Debian's clang with the {self.sanitizer} sanitizer"

    def find(self, host: Host) -> Program:
        clang = find_clang(self.sanitizer, host)
        return Program("clang", clang.cxx, clang.version)

    @property
    def optional(self) -> bool:
        return True

    def told(self, host: Host) -> tuple[str, ...]:
        del host
        return ()

    def refuse(self, target: Target, host: Host) -> None:
        del target, host

    def identity(self, target: Target, host: Host) -> str:
        del target, host
        return self.sanitizer

    def prepare(self, target: Target, host: Host, on_wait: OnWait | None = None) -> Toolchain:
        """Write the wrappers into the cache; raise `ToolchainError` when something is missing."""
        del on_wait
        clang = find_clang(self.sanitizer, host)
        name = f"{target}-clang-{clang.version}-{self.sanitizer}-{_REVISION}"
        root = host.cache / "toolchains" / name
        known = _FACTS[self.sanitizer]
        _write_wrappers(root, clang, known)
        return Toolchain(
            target=target,
            cmake=find_program("cmake", host),
            ninja=find_program("ninja", host),
            compiler=Program("clang", clang.cxx, clang.version),
            clang=clang.version,
            cc=root / "cc",
            cxx=root / "cxx",
            ar=find_program("ar", host),
            linker=root / "ld",
            cmake_file=CMAKE / "toolchains" / "wrappers.cmake",
            digest=fingerprint((_REVISION, self.sanitizer)),
            flags=tuple(KindFlags(kind, _flags(kind, known)) for kind in SourceKind),
        )

    @contextmanager
    def link_line(self, toolchain: Toolchain, host: Host) -> Iterator[Callable[[], LinkLine]]:
        del toolchain
        clang = find_clang(self.sanitizer, host)
        known = ("-m", "elf_x86_64", "--no-dependent-libraries", "-rpath", str(clang.resources))
        yield lambda: LinkLine(known, clang.libraries)


def _flags(kind: SourceKind, known: _Facts) -> tuple[str, ...]:
    """Return what follows the builds' own flags, and replaces their `-Os -g0`."""
    common = (*known.flags, "-O1", "-g1", "-fno-omit-frame-pointer")
    if kind.ours:  # an older clang does not know every warning that is turned off
        return (*common, "-Wno-unknown-warning-option")
    return (*common, *known.kernels) if kind in _NOT_IN_FULL else common


def _write_wrappers(root: Path, clang: Clang, known: _Facts) -> None:
    """Write one file per tool: what the linker of CMake's own targets needs, and names of files."""
    common = shlex.join((
        *known.flags, "-Wno-unused-command-line-argument", "-shared-libsan",
        f"-fuse-ld={clang.linker}", f"-Wl,-rpath,{clang.resources}",
    ))  # fmt: skip
    programs = {
        "cc": shlex.quote(str(clang.cc)),
        "cxx": f"{shlex.quote(str(clang.cxx))} -stdlib=libc++",
    }
    for name, program in programs.items():
        # flags of the builds come last: kernels do without some of what is said here
        text = f'#!/bin/sh\n# clang {clang.version}, {_REVISION}\nexec {program} {common} "$@"\n'
        write_if_changed(root / name, text, mode=0o755)
    # names of functions are what reports are read by
    text = (
        "#!/bin/sh\n"
        'for word do shift; [ "$word" = --strip-all ] || set -- "$@" "$word"; done\n'
        f'exec {shlex.quote(str(clang.linker))} "$@"\n'
    )
    write_if_changed(root / "ld", text, mode=0o755)


def _file(cxx: Path, name: str, host: Host) -> Path:
    """Ask clang where a library is; it answers with the bare name when it has none."""
    command = Command((str(cxx), f"-print-file-name={name}"), Path("/"), host.child_env())
    return Path(host.runner.capture(command).stdout.strip())
