"""Every setting, defined once, as the frozen values that the stages are given.

Note [Adding a setting]: add a field, and use it where it is needed. The options of the commands,
`[tool.build-runtime]`, the environment, the origins that `plan` shows, the schema of the
configuration and the table in docs/reference.md derive from the definition;
`python -m pytest tests/golden --update-golden` writes the last two.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from builder import VERSION
from builder.foundation.amounts import parse_size
from builder.foundation.coordinates import (
    REPLACED,
    Coordinates,
    parse_artifact,
    parse_group,
    parse_version,
)
from builder.foundation.process import NO_LAUNCHER
from builder.vocabulary.dtypes import DEFAULT_DTYPES, parse_kernel_dtypes
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.fingerprints import BY_PLACE, uncounted
from builder.vocabulary.models import DEFAULT_REWRITE, Rewrite
from builder.vocabulary.plan import Goal, Isa, Java, Kernels, Messages
from builder.vocabulary.providers import SourceProvider
from builder.vocabulary.targets import ANDROID_API, Abi, Platform, parse_abis, parse_android_api

T = TypeVar("T")

SOURCE_GROUP: Final = "what is built, and from what"
SHOWN_GROUP: Final = "what is shown and kept"


class Kind(Enum):
    """What `[tool.build-runtime]` holds for a setting. A `PATH` is relative to the file there."""

    TEXT = auto()
    PATH = auto()
    PATHS = auto()
    LIST = auto()
    COUNT = auto()
    SIZE = auto()


@dataclass(frozen=True, slots=True)
class Definition:
    """All that is known of a setting. `key` is also the long option, and part of the variable.

    `unset` says what an empty default means. `commands` have the option (none: all commands), in
    the `group` of their help.
    """

    key: str
    parse: Callable[[str], object]
    summary: str
    kind: Kind
    metavar: str
    default: str
    unset: str
    choices: tuple[str, ...]
    commands: tuple[str, ...]
    group: str
    short: str

    @property
    def variable(self) -> str:
        """Return the environment variable, without `$`."""
        return VARIABLES + self.key.upper().replace("-", "_")

    def explain(self, quote: str = "") -> str:
        """Return what it is, with all there is to choose from in quotes."""
        if not self.choices:
            return self.summary
        *others, last = (f"{quote}{it}{quote}" for it in self.choices)
        return f"{self.summary}: {', '.join(others)} or {last}"


VARIABLES: Final = "BUILD_RUNTIME_"
"""How the environment variables begin: all that begin so are settings."""


def define(
    key: str,
    parse: Callable[[str], T],
    summary: str,
    *,
    kind: Kind = Kind.TEXT,
    metavar: str = "NAME",
    default: str = "",
    unset: str = "",
    choices: Sequence[str] = (),
    commands: tuple[str, ...] = ("build", "plan"),
    group: str = SOURCE_GROUP,
    short: str = "",
    counting: Mapping[str, object] = MappingProxyType({}),
) -> T:
    """Return a field of one of the values below: what `parse` makes of the setting's text.

    A text that must be one of a few `choices` is compared with them first. `counting` says how the
    field counts in the names of outputs (`builder.vocabulary.fingerprints`), if not as a whole.
    """
    read = one_of(key.replace("-", " "), choices, parse) if choices and kind is Kind.TEXT else parse
    definition = Definition(
        key=key, parse=read, summary=summary, kind=kind, metavar=metavar, default=default,
        unset=unset, choices=tuple(map(str, choices)), commands=commands, group=group, short=short,
    )  # fmt: skip
    return field(
        default_factory=lambda: read(default), metadata={_DEFINITION: definition, **counting}
    )


_DEFINITION: Final = "definition"


def one_of(what: str, choices: Sequence[str], make: Callable[[str], T]) -> Callable[[str], T]:
    """Return a parser that refuses everything but a few words."""

    def parse(text: str) -> T:
        if text not in choices:
            raise UsageError(
                f"unknown {what} {text!r}{did_you_mean(text, choices)}",
                hint=f"use one of {', '.join(choices)}",
            )
        return make(text)

    return parse


_KNOW_OPERATORS: Final = ("build", "plan", "check", "inspect", "lock", "verify", "bench")
_PER_TARGET: Final = uncounted("each target has a result of its own")
_COUNT: Final = re.compile("[1-9][0-9]{0,3}")


def _abis(text: str) -> tuple[Abi, ...]:
    return parse_abis([text]) if text else ()


def _path(text: str) -> Path:
    try:
        if "\0" not in text:
            return Path(text).expanduser()
    except RuntimeError:  # `~` and the name of nobody
        pass
    raise UsageError(f"no path: {text!r}", hint="name a folder")


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(map(_path, filter(None, text.split(","))))


def _path_if_any(text: str) -> Path | None:
    return _path(text) if text else None


def _count(text: str) -> int | None:
    if text and not _COUNT.fullmatch(text):
        raise UsageError(f"must be a number from 1 to 9999, not {text!r}", hint="leave it out")
    return int(text) if text else None


def _size(text: str) -> int | None:
    return parse_size(text) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """What a build makes. A request holds these fields, too: the pipeline is given them."""

    abis: tuple[Abi, ...] = define(
        "abi", _abis, "ABIs to build for, one or several",
        kind=Kind.LIST, metavar="ABI[,ABI]", choices=tuple(Abi), counting=_PER_TARGET,
    )  # fmt: skip
    platform: str = define(
        "platform", str, "system to build for",
        default="auto", choices=("auto", *Platform), counting=_PER_TARGET,
    )  # fmt: skip
    ndk: str = define(
        "ndk", str, "Android NDK to build with: its folder, or a revision such as `26` or `r26b`",
        metavar="PATH|VERSION", unset="the first that is found",
        commands=("build", "plan", "doctor", "targets"),
        counting=uncounted("the NDK that is found counts"),
    )  # fmt: skip
    android_api: int = define(
        "android-api", parse_android_api, "lowest Android API level the runtime is for",
        kind=Kind.COUNT, metavar="LEVEL", default=str(ANDROID_API),
        commands=("build", "plan", "targets"), counting=_PER_TARGET,
    )  # fmt: skip
    output: Path = define(
        "output", _path, "where the archives go",
        kind=Kind.PATH, metavar="DIR", default="dist", commands=("build",), group="", short="-o",
        counting=BY_PLACE,
    )  # fmt: skip
    dtypes: frozenset[str] | None = define(
        "dtypes", parse_kernel_dtypes, "dtypes that kernels are compiled for, or `all`",
        kind=Kind.LIST, metavar="NAME[,NAME]",
        unset=f"{', '.join(f'`{it}`' for it in sorted(DEFAULT_DTYPES))}, what the models store and"
        " ask for, and what they make on given inputs",
    )  # fmt: skip
    messages: Messages = define(
        "messages", Messages, "what errors of the runtime say",
        metavar="AMOUNT", default=Messages.SHORT, choices=tuple(Messages),
    )  # fmt: skip
    kernels: Kernels = define(
        "kernels", Kernels, "whose kernels: those on XNNPACK where it has some, or PyTorch's alone",
        metavar="WHOSE", default=Kernels.AUTO, choices=tuple(Kernels),
    )  # fmt: skip
    optimize: Goal = define(
        "optimize", Goal, "what matters most of the runtime",
        metavar="WHAT", default=Goal.BALANCED, choices=tuple(Goal),
    )  # fmt: skip
    isa: Isa = define(
        "isa", Isa, "instruction sets that x86 kernels are inside for, by `optimize` or as named",
        metavar="LEVEL", default=Isa.AUTO, choices=tuple(Isa),
    )  # fmt: skip
    rewrite: Rewrite = define(
        "rewrite", Rewrite, "whether models are rewritten for speed",
        metavar="WHEN", default=DEFAULT_REWRITE, choices=tuple(Rewrite),
        commands=("build", "plan", "lock", "inspect"),
    )  # fmt: skip
    runner: str = define(
        "runner", str, "what runs programs of the target: a command that is given them, or `adb` or"
        " `adb:SERIAL` for a device",
        metavar="COMMAND", unset="this machine, or qemu",
        commands=("build", "plan", "verify", "bench"),
        counting=uncounted("how programs run counts"),
    )  # fmt: skip
    ops_source: tuple[Path, ...] = define(
        "ops-source", _paths, "C++ with operators of your own: files, or folders with some",
        kind=Kind.PATHS, metavar="FILE|DIR", unset="none", commands=_KNOW_OPERATORS,
        counting=uncounted("the files that are compiled count by their content"),
    )  # fmt: skip
    ops_library: tuple[Path, ...] = define(
        "ops-library", _paths, "the same operators for desktop torch: a .so or a .py that has them",
        kind=Kind.PATHS, metavar="FILE", unset="none", commands=_KNOW_OPERATORS,
    )  # fmt: skip

    pack: Path | None = define(
        "pack", _path_if_any, "a pack of objects that builds begin with, of `cache export`",
        kind=Kind.PATH, metavar="FILE", unset="none", commands=("build",),
        counting=uncounted("an object is taken where compiling would make the same"),
    )  # fmt: skip
    java: Java = define(
        "java", Java, "whether archives have the classes of `org.pytorch`, which need a JDK:"
        " `auto` for Android, or as named",
        metavar="WHEN", default=Java.AUTO, choices=tuple(Java),
    )  # fmt: skip

    maven_group: str = define(
        "maven-group", parse_group, "group of the Maven artifact, for Android",
        metavar="GROUP", default="local.build-runtime",
    )  # fmt: skip
    maven_artifact: str = define(
        "maven-artifact", parse_artifact, "name of the Maven artifact, for Android",
        default=REPLACED[0],
    )  # fmt: skip
    maven_version: str = define(
        "maven-version", parse_version, "version of the Maven artifact, for Android",
        metavar="VERSION", default=VERSION,
    )  # fmt: skip

    @property
    def coordinates(self) -> Coordinates:
        """How Gradle files name the library."""
        return Coordinates(self.maven_group, self.maven_artifact, self.maven_version)

    @property
    def conversion(self) -> Rewrite:
        """How models are converted: PyTorch's kernels alone run no packed weights."""
        return Rewrite.OFF if self.kernels is Kernels.ATEN else self.rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What is built from."""

    directory: Path | None = define(
        "source", _path_if_any,
        "what to build from: a folder with a PyTorch 2.6 source tree, or a bundle of sources",
        kind=Kind.PATH, metavar="DIR|FILE",
    )  # fmt: skip
    provider: SourceProvider = define(
        "source-provider", SourceProvider, "where the source may come from",
        default=SourceProvider.AUTO, choices=tuple(SourceProvider),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSettings:
    """How this machine is used. Nothing here changes what is built."""

    jobs: int | None = define(
        "jobs", _count, "parallel compilations",
        kind=Kind.COUNT, metavar="N", unset="one per core", short="-j",
    )  # fmt: skip
    compiler_launcher: str = define(
        "compiler-launcher", str, "what takes objects from a cache that machines share: `off`,"
        " `auto` (the one set for CMake, sccache or ccache, if there is one), a name or a path",
        metavar="NAME|PATH", default=NO_LAUNCHER,
    )  # fmt: skip
    cache_dir: Path | None = define(
        "cache-dir", _path_if_any, "where sources and objects are kept",
        kind=Kind.PATH, metavar="DIR", unset="the user's cache folder",
        commands=(), group=SHOWN_GROUP,
    )  # fmt: skip
    cache_size: int | None = define(
        "cache-size", _size, "how large the cache may become, such as `5G`",
        kind=Kind.SIZE, metavar="SIZE", unset="no limit",
        commands=("build", "cache"), group=SHOWN_GROUP,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, by who is given them."""

    build: BuildSettings = field(default_factory=BuildSettings)
    source: SourceSettings = field(default_factory=SourceSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)


DEFINITIONS: Final[tuple[Definition, ...]] = tuple(
    it.metadata[_DEFINITION]
    for part in (BuildSettings, SourceSettings, MachineSettings)
    for it in fields(part)
)
"""Every setting, in the order of help texts and tables."""


def compose(values: Mapping[str, Any]) -> Settings:
    """Return all settings made of their parsed values, by key."""
    return Settings(
        build=_make(BuildSettings, values),
        source=_make(SourceSettings, values),
        machine=_make(MachineSettings, values),
    )


_Part = TypeVar("_Part", BuildSettings, SourceSettings, MachineSettings)


def _make(part: type[_Part], values: Mapping[str, Any]) -> _Part:
    keys = {it.name: it.metadata[_DEFINITION].key for it in fields(part)}
    return part(**{name: values[key] for name, key in keys.items()})
