"""The table of platforms and ABIs: every fact about a target in one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.vocabulary.errors import UsageError, did_you_mean


class Platform(StrEnum):
    """The operating system the runtime is for; iOS will join when Xcode can be driven."""

    ANDROID = "android"
    LINUX = "linux"


class Abi(StrEnum):
    """Android's names for the instruction sets, used on every platform."""

    ARM64_V8A = "arm64-v8a"
    ARMEABI_V7A = "armeabi-v7a"
    X86_64 = "x86_64"
    X86 = "x86"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What one build is for. `api_level` is Android's minimum API, None elsewhere."""

    platform: Platform
    abi: Abi
    api_level: int | None = None

    def __str__(self) -> str:
        """Return a name fit for a directory, such as `android24-arm64-v8a`."""
        level = "" if self.api_level is None else str(self.api_level)
        return f"{self.platform}{level}-{self.abi}"


ANDROID_API: Final = 24
"""Lowest Android API level we build for: the first whose libc has all that LibTorch calls."""

GLIBC: Final = "2.28"
"""Oldest glibc the Linux runtime runs on (Debian 10, RHEL 8)."""


@dataclass(frozen=True, slots=True)
class AbiFacts:
    """What an ABI is called elsewhere.

    `elf_machine` is the name pyelftools gives `e_machine`; `also_called` are names people type.
    """

    abi: Abi
    bits: int
    elf_machine: str
    processor: str
    linux_triple: str
    zig_target: str
    zig_cpu: str
    android_triple: str
    emulator: str
    sysroot: str
    also_called: tuple[str, ...]


_FACTS: Final = {
    facts.abi: facts
    for facts in (
        AbiFacts(
            abi=Abi.ARM64_V8A,
            bits=64,
            elf_machine="EM_AARCH64",
            processor="aarch64",
            linux_triple="aarch64-linux-gnu",
            zig_target=f"aarch64-linux-gnu.{GLIBC}",
            zig_cpu="generic",
            android_triple="aarch64-linux-android",
            emulator="qemu-aarch64",
            sysroot="/usr/aarch64-linux-gnu",
            also_called=("aarch64", "armv8"),
        ),
        AbiFacts(
            abi=Abi.ARMEABI_V7A,
            bits=32,
            elf_machine="EM_ARM",
            processor="armv7-a",
            linux_triple="arm-linux-gnueabihf",
            zig_target=f"arm-linux-gnueabihf.{GLIBC}",
            zig_cpu="generic+v7a+neon",
            android_triple="armv7a-linux-androideabi",
            emulator="qemu-arm",
            sysroot="/usr/arm-linux-gnueabihf",
            also_called=("arm", "armhf", "armv7"),
        ),
        AbiFacts(
            abi=Abi.X86_64,
            bits=64,
            elf_machine="EM_X86_64",
            processor="x86_64",
            linux_triple="x86_64-linux-gnu",
            zig_target=f"x86_64-linux-gnu.{GLIBC}",
            zig_cpu="x86_64",
            android_triple="x86_64-linux-android",
            emulator="qemu-x86_64",
            sysroot="/usr/x86_64-linux-gnu",
            also_called=("amd64", "x64"),
        ),
        AbiFacts(
            abi=Abi.X86,
            bits=32,
            elf_machine="EM_386",
            processor="i686",
            linux_triple="x86-linux-gnu",
            zig_target=f"x86-linux-gnu.{GLIBC}",
            zig_cpu="i686+sse2",
            android_triple="i686-linux-android",
            emulator="qemu-i386",
            sysroot="/usr/i686-linux-gnu",
            also_called=("i386", "i686"),
        ),
    )
}


def facts(abi: Abi) -> AbiFacts:
    """Return what is known about an ABI."""
    return _FACTS[abi]


def parse_abi(text: str) -> Abi:
    """Read an ABI name; raise `UsageError` with the near ones on anything else."""
    (abi,) = _parse([text])
    return abi


def parse_abis(texts: Iterable[str]) -> tuple[Abi, ...]:
    """Read `--abi` values, each of which may be a comma-separated list.

    Keeps the order and drops repeats; one `UsageError` names everything that is no ABI.
    """
    return _parse(name.strip() for text in texts for name in text.split(","))


def _parse(names: Iterable[str]) -> tuple[Abi, ...]:
    known = [abi.value for abi in Abi]
    wanted = tuple(dict.fromkeys(names))
    unknown = [f"{name!r}{_near(name, known)}" for name in wanted if name not in known]
    if unknown:
        message = f"unknown ABI {', '.join(unknown)}"
        hint = f"use one of {', '.join(known)}     (`build-runtime targets` describes them)"
        raise UsageError(message, hint=hint)
    return tuple(Abi(name) for name in wanted)


def _near(name: str, known: Iterable[str]) -> str:
    for candidate in _FACTS.values():
        if name.lower() in candidate.also_called:
            return f" (did you mean {candidate.abi}?)"
    return did_you_mean(name, known)


def make_target(platform: Platform, abi: Abi) -> Target:
    """Return the target with the platform's default API level."""
    return Target(platform, abi, ANDROID_API if platform is Platform.ANDROID else None)
