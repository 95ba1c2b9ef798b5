"""What decides the bytes of a runtime: source, toolchain, profile, flags, selection.

Each value is hashed as a whole (`builder.vocabulary.fingerprints`): a new field counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from builder.vocabulary.fingerprints import fingerprint, uncounted
from builder.vocabulary.operators import Selection
from builder.vocabulary.targets import Platform, Target, platform_facts

_ANYWHERE: Final = uncounted("where things lie on this machine decides no byte")


@dataclass(frozen=True, slots=True)
class Program:
    """A tool that was found and asked for its version."""

    name: str
    path: Path = field(metadata=_ANYWHERE)
    version: str


class SourceKind(StrEnum):
    """What a group of sources is for: all sources of a kind are compiled with the same flags.

    A kernel runs once per operator, a microkernel once per element of its tensors. `own` are our
    sources, and those generated for one runtime; `own-kernel` those of ours that work on elements.
    """

    KERNEL = "kernel"
    MICROKERNEL = "microkernel"
    GENERATED = "generated"
    CORE = "core"
    INTERPRETER = "interpreter"
    THIRD_PARTY = "third-party"
    OWN = "own"
    OWN_KERNEL = "own-kernel"

    @property
    def ours(self) -> bool:
        """Whether its sources are our own."""
        return self in {SourceKind.OWN, SourceKind.OWN_KERNEL}


class Optimisation(StrEnum):
    """What the compiler is asked to make small or fast."""

    SIZE = "size"


class Messages(StrEnum):
    """How much the errors of a runtime say of why an operator refused its arguments.

    `short` is the operator with its arguments, and the condition that does not hold.
    """

    SHORT = "short"
    FULL = "full"


class Kernels(StrEnum):
    """Whose functions compute: ours in place of upstream's where there are some, or all upstream's.

    Ours are on XNNPACK, which fuses multiplication and addition where a processor can.
    """

    AUTO = "auto"
    ATEN = "aten"


class Goal(StrEnum):
    """What matters most of a runtime. Its objects are the same: goals differ in what is linked."""

    SIZE = "size"
    BALANCED = "balanced"
    SPEED = "speed"


class Java(StrEnum):
    """Whether archives have the classes of `org.pytorch`. The runtime is the same with them.

    `auto` is what apps of the platform are written in.
    """

    AUTO = "auto"
    OFF = "off"
    ON = "on"

    def resolved(self, platform: Platform) -> Java:
        """Return what `auto` means for a platform."""
        if self is not Java.AUTO:
            return self
        return Java.ON if platform_facts(platform).apps_in_java else Java.OFF


class Isa(StrEnum):
    """For which instruction sets x86 kernels are inside. Processors are asked for theirs.

    `few` are the ABI's own and those with fused multiplication (FMA3, AVX2); `avx2` are all but
    AVX-512, for processors before FMA3 and with AVX-VNNI too; `avx512` are all. `auto` is what the
    goal asks for.
    """

    AUTO = "auto"
    FEW = "few"
    AVX2 = "avx2"
    AVX512 = "avx512"

    def resolved(self, goal: Goal) -> Isa:
        """Return what `auto` means for a goal."""
        return _ISA_FOR[goal] if self is Isa.AUTO else self


_ISA_FOR: Final = {Goal.SIZE: Isa.FEW, Goal.BALANCED: Isa.AVX2, Goal.SPEED: Isa.AVX512}


@dataclass(frozen=True, slots=True)
class KindFlags:
    """How sources of one kind are compiled: `options` always, `cxx` where they are C++."""

    kind: SourceKind
    options: tuple[str, ...]
    cxx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompileFlags:
    """How everything is compiled: `definitions` of LibTorch, and the flags of each kind."""

    definitions: tuple[str, ...]
    kinds: tuple[KindFlags, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """Everything that turns sources into a library for one target.

    `clang` is the version of the compiler inside; `cc`, `cxx`, `ar`, `linker` are what CMake calls,
    by the toolchain file `cmake_file`. `digest` identifies all that decides the bytes they make.
    `flags` come after ours, by the kind of the sources. `variables` are what the toolchain file
    wants to be told.
    """

    target: Target
    cmake: Path = field(metadata=_ANYWHERE)
    ninja: Path = field(metadata=_ANYWHERE)
    compiler: Program
    clang: str
    cc: Path = field(metadata=_ANYWHERE)
    cxx: Path = field(metadata=_ANYWHERE)
    ar: Path = field(metadata=_ANYWHERE)
    linker: Path = field(metadata=_ANYWHERE)
    cmake_file: Path = field(metadata=_ANYWHERE)
    digest: str
    flags: tuple[KindFlags, ...] = ()
    variables: tuple[tuple[str, str], ...] = field(
        default=(), metadata=uncounted("the digest stands for them")
    )


@dataclass(frozen=True, slots=True)
class LinkLine:
    """What the linker is called with besides objects: flags that describe the target, libraries.

    `libraries` is what a C++ shared library is linked against, in order.
    """

    flags: tuple[str, ...]
    libraries: tuple[Path, ...]

    @property
    def shared(self) -> tuple[Path, ...]:
        """Those of the libraries that come with the system a library runs on."""
        return tuple(it for it in self.libraries if ".so" in it.suffixes)

    @property
    def start_files(self) -> tuple[Path, ...]:
        """Those of the libraries that are objects: what a C library links into each library."""
        return tuple(it for it in self.libraries if it.suffix == ".o")


@dataclass(frozen=True, slots=True)
class Component:
    """One pinned third-party source inside the tree. `sha256` is that of its archive."""

    name: str
    version: str
    sha256: str
    licence: str
    root: Path = field(metadata=_ANYWHERE)


@dataclass(frozen=True, slots=True)
class SourceTree:
    """An opened LibTorch tree. `digest` identifies the content of all components together."""

    version: str
    digest: str
    provider: str = field(metadata=uncounted("the same content is the same, whoever gave it"))
    components: tuple[Component, ...]

    def root(self, component: str) -> Path:
        """Return where the named component is unpacked; `KeyError` if the tree lacks it."""
        for candidate in self.components:
            if candidate.name == component:
                return candidate.root
        raise KeyError(component)


BASE_BACKENDS: Final = ("CPU",)
"""What float models need: objects that depend on no other backend are shared with theirs."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is wished of the objects; all models of a profile share them.

    `dtypes` are the scalar types kernels are compiled for, by their ATen names; there are none
    where the objects are the same for all. `backends` are the dispatch keys that calls between
    operators are resolved for at compile time.
    """

    dtypes: frozenset[str]
    backends: tuple[str, ...] = BASE_BACKENDS
    optimisation: Optimisation = Optimisation.SIZE
    messages: Messages = field(
        default=Messages.SHORT, metadata=uncounted("its definition is among the flags")
    )


@dataclass(frozen=True, slots=True)
class GeneratedTree:
    """What torchgen made of a source: one tree per source and backends, shared by all targets."""

    root: Path = field(metadata=_ANYWHERE)
    digest: str


@dataclass(frozen=True, slots=True)
class ObjectsPlan:
    """Everything that decides the objects: the same for every selection."""

    source: SourceTree
    generated: GeneratedTree
    toolchain: Toolchain
    profile: Profile
    flags: CompileFlags

    @property
    def fingerprint(self) -> str:
        """Hash of all that the objects share."""
        return fingerprint(self)

    @property
    def store(self) -> str:
        """Name of the object store."""
        return f"{self.toolchain.target}-{self.fingerprint[:12]}"

    def for_any_dtypes(self) -> ObjectsPlan:
        """Return the plan of those objects that do not depend on dtypes."""
        return replace(self, profile=replace(self.profile, dtypes=frozenset()))


@dataclass(frozen=True, slots=True)
class ExtensionFile:
    """A file of the user's own C++: `name` is its place in the build, `operators:nms.cpp`."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Everything that decides the bytes of one runtime. `link` are the flags of the linker.

    `kernels` and `isa` (never `auto`) choose among the objects, which are the same for all.
    `extension` are the files of the user's own operators, headers included, which belong to no
    store; `extension_flags` compile them.
    """

    tool: str
    objects: ObjectsPlan
    selection: Selection
    link: tuple[str, ...]
    kernels: Kernels = Kernels.AUTO
    isa: Isa = Isa.AVX2
    extension: tuple[ExtensionFile, ...] = ()
    extension_flags: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Name of the build: changes whenever the library would."""
        return fingerprint(self)

    @property
    def target(self) -> Target:
        """What it is built for."""
        return self.objects.toolchain.target

    @property
    def source(self) -> SourceTree:
        """What it is built from."""
        return self.objects.source

    @property
    def toolchain(self) -> Toolchain:
        """What it is built with."""
        return self.objects.toolchain

    @property
    def profile(self) -> Profile:
        """What is wished of its objects."""
        return self.objects.profile


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file to write: relative to the root of the tree it belongs to."""

    path: PurePosixPath
    text: str

    def __post_init__(self) -> None:
        """Keep a generated file inside its tree."""
        assert not self.path.is_absolute(), self.path
        assert ".." not in self.path.parts, self.path
