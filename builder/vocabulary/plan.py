"""What decides the bytes of a runtime: source, toolchain, profile, selection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.operators import Selection
from builder.vocabulary.targets import Target


@dataclass(frozen=True, slots=True)
class Program:
    """A tool that was found and asked for its version."""

    name: str
    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Everything that turns sources into a library for one target.

    `clang` is the version of the compiler inside; `cc`, `cxx`, `ar`, `linker` are what CMake calls.
    `digest` identifies all that decides the bytes they make.
    """

    target: Target
    cmake: Path
    ninja: Path
    compiler: Program
    clang: str
    cc: Path
    cxx: Path
    ar: Path
    linker: Path
    digest: str


@dataclass(frozen=True, slots=True)
class LinkLine:
    """What the linker is called with besides objects: flags that describe the target, libraries.

    `libraries` is what a C++ shared library is linked against, in order.
    """

    flags: tuple[str, ...]
    libraries: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One pinned third-party source inside the tree. `sha256` is that of its archive."""

    name: str
    version: str
    sha256: str
    licence: str
    root: Path


@dataclass(frozen=True, slots=True)
class SourceTree:
    """An opened LibTorch tree. `digest` identifies the content of all components together."""

    version: str
    digest: str
    provider: str
    components: tuple[Component, ...]

    def root(self, component: str) -> Path:
        """Return where the named component is unpacked; `KeyError` if the tree lacks it."""
        for candidate in self.components:
            if candidate.name == component:
                return candidate.root
        raise KeyError(component)


@dataclass(frozen=True, slots=True)
class Profile:
    """What decides the objects besides source and toolchain; all models of a profile share them.

    `dtypes` are the scalar types kernels are compiled for, by their ATen names. `backends` are the
    dispatch keys that calls between operators are resolved for at compile time.
    """

    dtypes: frozenset[str]
    backends: tuple[str, ...] = ("CPU",)


@dataclass(frozen=True, slots=True)
class GeneratedTree:
    """What torchgen made of a source: one tree per source and backends, shared by all targets."""

    root: Path
    digest: str


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Everything that decides the bytes of one runtime."""

    tool: str
    target: Target
    source: SourceTree
    generated: GeneratedTree
    toolchain: Toolchain
    profile: Profile
    selection: Selection

    @property
    def objects_fingerprint(self) -> str:
        """Name of the object store: the same for every selection."""
        return fingerprint(
            source=self.source.digest,
            generated=self.generated.digest,
            toolchain=self.toolchain.digest,
            dtypes=sorted(self.profile.dtypes),
            backends=list(self.profile.backends),
        )

    @property
    def fingerprint(self) -> str:
        """Name of the build: changes whenever the library would."""
        return fingerprint(
            tool=self.tool,
            objects=self.objects_fingerprint,
            operators=[str(name) for name in sorted(self.selection.names)],
            classes=sorted(self.selection.classes),
            opcodes=sorted(self.selection.opcodes),
            upgraders=self.selection.upgraders,
            dtypes=sorted(self.selection.dtypes),
        )


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file to write: relative to the root of the tree it belongs to."""

    path: PurePosixPath
    text: str

    def __post_init__(self) -> None:
        """Keep a generated file inside its tree."""
        assert not self.path.is_absolute(), self.path
        assert ".." not in self.path.parts, self.path
