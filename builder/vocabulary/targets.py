"""The table of platforms and ABIs: every fact about a target in one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.vocabulary.errors import UsageError, did_you_mean


class Platform(StrEnum):
    """The operating system the runtime is for."""

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
"""Android API level we build for by default: Android 7.0."""

OLDEST_ANDROID_API: Final = 21
"""Lowest Android API level that can be built for: the first with 64-bit ABIs."""

NEWEST_ANDROID_API: Final = 99
"""No API level is higher: the toolchain knows which ones there are."""

GLIBC: Final = "2.28"
"""Oldest glibc the Linux runtime runs on (Debian 10, RHEL 8)."""

STORE_PAGE: Final = 0x4000
"""16 KB: the largest page Android devices use. Stores refuse 64-bit libraries aligned to less."""


class ArchiveKind(StrEnum):
    """How proven libraries are packed: one archive for each target, or one for all its ABIs."""

    TAR = "tar"
    AAR = "aar"

    @property
    def holds_several_abis(self) -> bool:
        """Whether all ABIs of a request go into one archive."""
        match self:
            case ArchiveKind.TAR:
                return False
            case ArchiveKind.AAR:
                return True

    @property
    def has_symbols_beside(self) -> bool:
        """Whether the library with its symbol table is kept, for whoever reads crash reports."""
        match self:
            case ArchiveKind.TAR:
                return False
            case ArchiveKind.AAR:
                return True

    @property
    def is_published(self) -> bool:
        """Whether it goes into a repository of modules, where developers look for documents."""
        match self:
            case ArchiveKind.TAR:
                return False
            case ArchiveKind.AAR:
                return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFacts:
    """What a platform is: how CMake calls it, what its devices have, how it is packed and run.

    `needed` are globs of the libraries that every device has; all else must be inside. `api_level`
    is the lowest Android API, None elsewhere. `never_here` says why programs of the platform cannot
    run on the machine that builds them; it is empty where they may. A `twin` is a platform whose
    programs run here instead, made of the same sources. `apps_in_java` says that apps of the
    platform call the library from Java, unless they have native code of their own. A library that
    `relocates_itself` applies its packed relocations: not every loader there does.
    """

    platform: Platform
    cmake_system: str
    needed: tuple[str, ...]
    archive: ArchiveKind
    api_level: int | None = None
    never_here: str = ""
    twin: Platform | None = None
    apps_in_java: bool = False
    relocates_itself: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AbiFacts:
    """What an ABI is on every platform.

    `elf_machine` is the name pyelftools gives `e_machine`; `also_called` are names people type.
    """

    abi: Abi
    bits: int
    elf_machine: str
    processor: str
    also_called: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What an ABI is on one platform.

    `triple` is the field's name of the target. Programs run natively on machines of `native_on` (as
    `uname -m` says) that have the `loader`, elsewhere under the `emulator` with the `sysroot`,
    where Debian's `libc_package` has the C library.
    `page_size` is what the segments of a library must be aligned to, in bytes.
    """

    triple: str
    page_size: int
    emulator: str = ""
    sysroot: str = ""
    libc_package: str = ""
    loader: str = ""
    native_on: frozenset[str] = frozenset()


_PLATFORMS: Final = {
    it.platform: it
    for it in (
        PlatformFacts(
            platform=Platform.ANDROID,
            cmake_system="Android",
            needed=("libc.so", "libm.so", "libdl.so", "liblog.so"),
            archive=ArchiveKind.AAR,
            api_level=ANDROID_API,
            never_here="android programs do not run here; --runner names what runs them",
            twin=Platform.LINUX,
            apps_in_java=True,
        ),
        PlatformFacts(
            platform=Platform.LINUX,
            cmake_system="Linux",
            relocates_itself=True,
            needed=(
                "libc.so.6",
                "libm.so.6",
                "libpthread.so.0",
                "libdl.so.2",
                "librt.so.1",
                "ld-linux*.so.*",  # each ABI has its own name for the loader
            ),
            archive=ArchiveKind.TAR,
        ),
    )
}

_ABIS: Final = {
    it.abi: it
    for it in (
        AbiFacts(
            abi=Abi.ARM64_V8A,
            bits=64,
            elf_machine="EM_AARCH64",
            processor="aarch64",
            also_called=("aarch64", "armv8"),
        ),
        AbiFacts(
            abi=Abi.ARMEABI_V7A,
            bits=32,
            elf_machine="EM_ARM",
            processor="armv7-a",
            also_called=("arm", "armhf", "armv7"),
        ),
        AbiFacts(
            abi=Abi.X86_64,
            bits=64,
            elf_machine="EM_X86_64",
            processor="x86_64",
            also_called=("amd64", "x64"),
        ),
        AbiFacts(
            abi=Abi.X86,
            bits=32,
            elf_machine="EM_386",
            processor="i686",
            also_called=("i386", "i686"),
        ),
    )
}

_TARGETS: Final = {
    (Platform.LINUX, Abi.ARM64_V8A): TargetFacts(
        triple="aarch64-linux-gnu",
        page_size=STORE_PAGE,
        emulator="qemu-aarch64",
        sysroot="/usr/aarch64-linux-gnu",
        libc_package="libc6-arm64-cross",
        loader="/lib/ld-linux-aarch64.so.1",
        native_on=frozenset({"aarch64"}),
    ),
    (Platform.LINUX, Abi.ARMEABI_V7A): TargetFacts(
        triple="arm-linux-gnueabihf",
        page_size=0x1000,
        emulator="qemu-arm",
        sysroot="/usr/arm-linux-gnueabihf",
        libc_package="libc6-armhf-cross",
    ),
    (Platform.LINUX, Abi.X86_64): TargetFacts(
        triple="x86_64-linux-gnu",
        page_size=STORE_PAGE,
        emulator="qemu-x86_64",
        sysroot="/usr/x86_64-linux-gnu",
        libc_package="libc6-amd64-cross",
        loader="/lib64/ld-linux-x86-64.so.2",
        native_on=frozenset({"x86_64"}),
    ),
    (Platform.LINUX, Abi.X86): TargetFacts(
        triple="x86-linux-gnu",
        page_size=0x1000,
        emulator="qemu-i386",
        sysroot="/usr/i686-linux-gnu",
        libc_package="libc6-i386-cross",
        loader="/lib/ld-linux.so.2",
        native_on=frozenset({"x86_64"}),
    ),
    (Platform.ANDROID, Abi.ARM64_V8A): TargetFacts(
        triple="aarch64-linux-android", page_size=STORE_PAGE
    ),
    (Platform.ANDROID, Abi.ARMEABI_V7A): TargetFacts(
        triple="armv7a-linux-androideabi", page_size=0x1000
    ),
    (Platform.ANDROID, Abi.X86_64): TargetFacts(
        triple="x86_64-linux-android", page_size=STORE_PAGE
    ),
    (Platform.ANDROID, Abi.X86): TargetFacts(triple="i686-linux-android", page_size=0x1000),
}


def platform_facts(platform: Platform) -> PlatformFacts:
    """Return what is known about a platform."""
    return _PLATFORMS[platform]


def abi_facts(abi: Abi) -> AbiFacts:
    """Return what is known about an ABI wherever it is used."""
    return _ABIS[abi]


def target_facts(target: Target) -> TargetFacts:
    """Return what is known about an ABI on its platform."""
    return _TARGETS[target.platform, target.abi]


def known_targets() -> tuple[str, ...]:
    """Return the names of all targets without an API level, such as `android-arm64-v8a`."""
    return tuple(f"{platform}-{abi}" for platform, abi in _TARGETS)


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
    for candidate in _ABIS.values():
        if name.lower() in candidate.also_called:
            return f" (did you mean {candidate.abi}?)"
    return did_you_mean(name, known)


def make_target(platform: Platform, abi: Abi, api_level: int | None = None) -> Target:
    """Return the target, with the platform's default API level if it has levels and none is given.

    Platforms without levels have none, whichever is given.
    """
    default = platform_facts(platform).api_level
    return Target(platform, abi, None if default is None else api_level or default)


def twin_of(target: Target) -> Target | None:
    """Return the target whose programs run here in place of those of `target`, if there is one."""
    twin = platform_facts(target.platform).twin
    return None if twin is None else make_target(twin, target.abi)


def parse_android_api(text: str) -> int:
    """Read an Android API level; raise `UsageError` for what is none that can be built for."""
    if text.isascii() and text.isdecimal() and len(text) <= 2:  # noqa: PLR2004  digits
        level = int(text)
        if OLDEST_ANDROID_API <= level <= NEWEST_ANDROID_API:
            return level
    raise UsageError(
        f"{text!r} is no API level that can be built for",
        hint=f"use {OLDEST_ANDROID_API} or higher (unset: {ANDROID_API})",
    )
