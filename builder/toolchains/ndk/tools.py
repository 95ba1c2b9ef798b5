"""The tools of an NDK for one target: wrappers in the cache that know what they compile for."""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Final

from builder.foundation.cache import note_use
from builder.foundation.files import OnWait, locked, replace_link, sha256_file, write_if_changed
from builder.foundation.process import Host
from builder.toolchains.ndk.installation import TOOLCHAIN_FILE, Installation
from builder.toolchains.programs import find_programs
from builder.vocabulary.errors import ToolchainError, UsageError
from builder.vocabulary.plan import Program, Toolchain
from builder.vocabulary.targets import OLDEST_ANDROID_API, Abi, Target

_REVISION: Final = 1  # of the wrappers: part of every object's fingerprint
_IDENTITY: Final = ("source.properties", "meta/platforms.json", "meta/abis.json")
_LLVM: Final = "AndroidVersion.txt"
_BASELINE: Final = {Abi.ARMEABI_V7A: ("-mfpu=neon",)}
"""What each device of an ABI has, and upstream's clang does not assume for old API levels."""
_STL: Final = ("libc++_static.a", "libc++abi.a")


def program_of(ndk: Installation) -> Program:
    """Return the NDK as the manifest and `doctor` tell it."""
    return Program("ndk", ndk.root, str(ndk.revision))


def refuse_target(ndk: Installation, target: Target) -> None:
    """Raise `UsageError` for an API level the NDK has not, `ToolchainError` for an ABI."""
    if target.abi not in ndk.triples:
        has = ", ".join(ndk.triples) or "none"
        raise ToolchainError(
            f"NDK {ndk.revision.release} has no {target.abi}: {ndk.root}",
            hint=f"build for what it has ({has}), or pass another --ndk",
        )
    (lowest, highest), level = ndk.levels, level_of(target)
    if not lowest <= level <= highest:
        usable = f"{max(lowest, OLDEST_ANDROID_API)} to {highest}"
        raise UsageError(
            f"--android-api: NDK {ndk.revision.release} has the levels {lowest} to {highest},"
            f" not {level}",
            hint=f"use one of {usable}, or pass another --ndk",
        )
    folder = ndk.libraries(target.abi, level)
    lacking = [
        it for it in (folder / "libc.so", *_static(ndk, target)) if not (ndk.root / it).is_file()
    ]
    if lacking:
        raise ToolchainError(
            f"NDK {ndk.revision.release} is not whole: it has no {lacking[0]}: {ndk.root}",
            hint="install it again, or pass another --ndk",
        )


def level_of(target: Target) -> int:
    """Return the API level of a target of Android; other targets have none."""
    assert target.api_level is not None, target
    return target.api_level


def prepare(
    ndk: Installation, target: Target, host: Host, on_wait: OnWait | None = None
) -> Toolchain:
    """Return the toolchain for a target. No process is started.

    What compilers see of the NDK is a link in the cache, so that objects stay up to date when the
    same NDK is installed elsewhere.
    """
    cmake, ninja = find_programs(host)
    identity = identity_of(ndk, target)
    name = f"ndk-{ndk.revision}-{identity[:8]}"
    link = host.cache / "toolchains" / name
    root = host.cache / "toolchains" / f"{target}-{name}-{_REVISION}"
    for kept in (link, root):
        note_use(host.cache, kept)
    doing = f"preparing the toolchain for {target}"
    with locked(root.with_name(f"{root.name}.lock"), doing=doing, on_wait=on_wait):
        replace_link(link, ndk.root)
        _write_wrappers(root, ndk, link, target)
    digest = hashlib.sha256(json.dumps([_REVISION, identity, str(target)]).encode())
    return Toolchain(
        target=target,
        cmake=cmake,
        ninja=ninja,
        compiler=program_of(ndk),
        clang=ndk.llvm,
        cc=root / "cc",
        cxx=root / "cxx",
        ar=root / "ar",
        linker=root / "ld",
        cmake_file=link / TOOLCHAIN_FILE,
        variables=_variables(target),
        digest=digest.hexdigest(),
    )


def _variables(target: Target) -> tuple[tuple[str, str], ...]:
    """Return what the toolchain file of the NDK wants to be told.

    The file that newer CMake has no part in is the default since r25: in r23 and r24 it is asked
    for, so that all revisions are driven in one way.
    """
    return (
        ("ANDROID_ABI", str(target.abi)),
        ("ANDROID_PLATFORM", f"android-{level_of(target)}"),
        ("ANDROID_STL", "c++_static"),
        ("ANDROID_USE_LEGACY_TOOLCHAIN_FILE", "ON"),
    )


def identity_of(ndk: Installation, target: Target) -> str:
    """Return a hash of what tells NDKs apart: two of one revision may have another C++ library."""
    files = (*map(Path, _IDENTITY), ndk.prebuilt / _LLVM, *_static(ndk, target))
    digests = [sha256_file(ndk.root / it) for it in files]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _static(ndk: Installation, target: Target) -> tuple[Path, ...]:
    folder = ndk.libraries(target.abi, level_of(target)).parent
    return tuple(folder / name for name in _STL)


def _write_wrappers(root: Path, ndk: Installation, link: Path, target: Target) -> None:
    """Write one file per tool: CMake's rules for objects name a tool alone, without its target."""
    tools = link / ndk.prebuilt / "bin"
    level = ndk.level(level_of(target))
    common = shlex.join(
        (
            f"--target={ndk.triples[target.abi].compiler}{level}",
            f"--sysroot={link / ndk.sysroot}",
            "-no-canonical-prefixes",
            f"-ffile-prefix-map={link}=ndk",
            *_BASELINE.get(target.abi, ()),
        )
    )
    for name, (program, words) in {
        "cc": ("clang", common),
        "cxx": ("clang++", common),
        "ar": ("llvm-ar", ""),
        "ld": ("ld.lld", ""),
    }.items():
        about = f"# {ndk}, {target}, wrapper {_REVISION}"
        line = f"{shlex.quote(str(tools / program))} {words}".rstrip()
        text = f'#!/bin/sh\n{about}\nexec {line} "$@"\n'
        write_if_changed(root / name, text, mode=0o755)
