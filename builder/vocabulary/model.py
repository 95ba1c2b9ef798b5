"""The vocabulary of the project: frozen values that pass from stage to stage."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

_NAME: Final = re.compile(
    r"(?P<namespace>[A-Za-z_]\w*)::(?P<base>[A-Za-z_]\w*)(?:\.(?P<overload>\w+))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class OperatorName:
    """An operator as TorchScript spells it, `namespace::base.overload`."""

    namespace: str
    base: str
    overload: str = ""

    @staticmethod
    def parse(text: str) -> OperatorName:
        """Read `aten::add.Tensor`; raise `ValueError` on anything else."""
        match = _NAME.fullmatch(text)
        if match is None:
            expected = "namespace::name or namespace::name.overload"
            message = f"not an operator name: {text!r} (expected {expected})"
            raise ValueError(message)
        return OperatorName(match["namespace"], match["base"], match["overload"] or "")

    def __str__(self) -> str:
        """Return the text `parse` reads."""
        suffix = f".{self.overload}" if self.overload else ""
        return f"{self.namespace}::{self.base}{suffix}"


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


class ModelFormat(StrEnum):
    """How the model file is laid out."""

    TORCHSCRIPT = "torchscript"
    LITE = "lite"
    FLATBUFFER = "flatbuffer"


@dataclass(frozen=True, slots=True, order=True)
class SourceLine:
    """A line of the Python the model was made of, as its debug information tells.

    `file` is the path on the exporting machine, `line` counts from 1, `text` is the line without
    its indentation; traced models keep no text, only the function's name in its place.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How near the runtime's numbers must be to those of desktop torch.

    By default each dtype has its own tolerance. `relative` and `absolute` replace those of every
    dtype that has one; `exact` asks for the same bits.
    """

    exact: bool = False
    relative: float | None = None
    absolute: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class OperatorUse:
    """One operator that a method of the bytecode names.

    `arguments`: how many it passes, None when not recorded. `calls`: how many instructions call it;
    zero is possible, yet the runtime must know the operator to load the model. `lines`: from where
    in the model's own source, outermost library code apart; empty without debug information.
    """

    name: OperatorName
    arguments: int | None = None
    calls: int = 1
    lines: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """One function of the bytecode, by its qualified name (`__torch__.Net.forward`).

    `unreadable` says which types and values keep the interpreter from loading it, in words.
    """

    name: str
    operators: tuple[OperatorUse, ...]
    opcodes: frozenset[str]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class DtypeSize:
    """The stored tensors of one dtype: how many separate storages, and their bytes together."""

    dtype: str
    storages: int
    size: int


@dataclass(frozen=True, slots=True, order=True)
class Duplicate:
    """Storages of one dtype with equal bytes, by the names of tensors in them; `size` is of one."""

    names: tuple[str, ...]
    dtype: str
    size: int

    @property
    def wasted(self) -> int:
        """The bytes the file would be smaller if they were stored once."""
        return self.size * (len(self.names) - 1)


@dataclass(frozen=True, slots=True)
class Model:
    """A lite-interpreter model: what its bytecode asks of the runtime.

    `source` is the file the user named, `path` the `.ptl` that ships (the same file for lite
    models), whose hash is `sha256`. Versions are those of the bytecode and of the operator set.
    `classes` are the custom (TorchBind) classes as `namespace.Name`, `dtypes` the names of the
    dtypes of its stored tensors (`Float`, `Long`), those in its code included.

    `root` is the class of the top module, `types` are those the bytecode names. `argument_dtypes`
    are the dtypes that calls surely ask for with a constant, as `x.to(torch.half)` does; calls that
    compute theirs are not among them. `weights` are sorted by dtype, `duplicates` by what they
    waste. `debug_info`: whether the file can tell source lines. `run_dtypes` are dtypes it was seen
    to need besides, when it ran on given inputs. `sparse`: whether sparse tensors are stored in it.
    """

    name: str
    source: Path
    path: Path
    sha256: str
    format: ModelFormat
    bytecode_version: int
    operator_version: int
    methods: tuple[Method, ...]
    classes: frozenset[str]
    dtypes: frozenset[str]
    bundled_inputs: bool
    root: str = ""
    types: frozenset[str] = frozenset()
    argument_dtypes: frozenset[str] = frozenset()
    weights: tuple[DtypeSize, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    debug_info: bool = False
    run_dtypes: frozenset[str] = frozenset()
    sparse: bool = False

    @property
    def exported(self) -> tuple[Method, ...]:
        """The methods an app can call: those of the top module, not of modules inside it."""
        return tuple(it for it in self.methods if it.name.rpartition(".")[0] == self.root)

    @property
    def operators(self) -> frozenset[OperatorName]:
        """Every operator any method calls."""
        return frozenset(use.name for method in self.methods for use in method.operators)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Where a model's inputs come from: files, shapes to fill, or what is bundled with the model.

    `dtypes` has one name per shape, as torch spells it (`float32`).
    """

    files: tuple[Path, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    bundled: bool = False

    @property
    def given(self) -> bool:
        """Whether there is anything to run the model on."""
        return bool(self.files or self.shapes or self.bundled)

    def describe(self) -> str:
        """Return a few words for the report."""
        if self.files:
            return ", ".join(path.name for path in self.files)
        if self.bundled:
            return "bundled inputs"
        return ", ".join(
            f"{dtype}[{','.join(map(str, shape))}]"
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        )

    def document(self) -> dict[str, object]:
        """Return what the child process that runs desktop torch reads."""
        if self.bundled:
            return {"bundled": True}
        if self.files:
            return {"files": [str(path.resolve()) for path in self.files]}
        return {"shapes": self.shapes, "dtypes": self.dtypes} if self.shapes else {}


@dataclass(frozen=True, slots=True, order=True)
class SelectedOperator:
    """One root operator with its provenance: the names of the models that call it."""

    name: OperatorName
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Everything the models ask for together. A union: associative, commutative, idempotent.

    `opcodes` are the instructions of the bytecode, such as `FORMAT`. `upgraders`: some model is so
    old that an operator it calls has to be replaced by a function with its former meaning.

    `operators` are sorted, one entry for each name, in whatever order they are given: equal
    selections are equal values, and give equal text and equal fingerprints.
    """

    operators: tuple[SelectedOperator, ...] = ()
    classes: frozenset[str] = frozenset()
    dtypes: frozenset[str] = frozenset()
    opcodes: frozenset[str] = frozenset()
    upgraders: bool = False

    def __post_init__(self) -> None:
        """Bring the operators into their one order."""
        models: dict[OperatorName, set[str]] = {}
        for operator in self.operators:
            models.setdefault(operator.name, set()).update(operator.models)
        merged = (SelectedOperator(name, tuple(sorted(models[name]))) for name in sorted(models))
        object.__setattr__(self, "operators", tuple(merged))

    @property
    def names(self) -> frozenset[OperatorName]:
        """The root operators without provenance."""
        return frozenset(operator.name for operator in self.operators)

    def __or__(self, other: Selection) -> Selection:
        """Return the union of both selections, with the models of each operator merged."""
        return Selection(
            operators=self.operators + other.operators,
            classes=self.classes | other.classes,
            dtypes=self.dtypes | other.dtypes,
            opcodes=self.opcodes | other.opcodes,
            upgraders=self.upgraders or other.upgraders,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a runtime can do, told without running it.

    `operators` are all that are registered, those of the interpreter itself among them, with the
    number of arguments each takes at most (None: any number). `opcodes` are the instructions of the
    bytecode it runs; `left_out` are the features that were
    cut, by the names of `cuts.toml`. `dtypes` are those of the kernels (`Float`), with those of
    tensors the models store. `upgraders`: it has the functions that stand in for operators of old
    models. Versions are the lowest and the highest it reads.
    """

    operators: tuple[OperatorUse, ...]
    classes: frozenset[str]
    dtypes: frozenset[str]
    opcodes: frozenset[str]
    left_out: frozenset[str]
    upgraders: bool
    bytecode_versions: tuple[int, int]
    operator_versions: tuple[int, int]


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


def fingerprint(**decisive: object) -> str:
    """Return the SHA-256 of the canonical JSON of what decides an output, as hex."""
    text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file to write: relative to the root of the tree it belongs to."""

    path: PurePosixPath
    text: str

    def __post_init__(self) -> None:
        """Keep a generated file inside its tree."""
        assert not self.path.is_absolute(), self.path
        assert ".." not in self.path.parts, self.path


@dataclass(frozen=True, slots=True, order=True)
class SizeRow:
    """Bytes of the stripped library that one component, file or section accounts for."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class SizeReport:
    """Where the bytes of one library went. Sizes are bytes; `download` is an estimate."""

    target: Target
    stripped: int
    download: int
    sections: tuple[SizeRow, ...]
    components: tuple[SizeRow, ...]
    objects: tuple[SizeRow, ...]


def sorted_rows(sizes: Iterable[tuple[str, int]]) -> tuple[SizeRow, ...]:
    """Sum sizes by name; largest first, ties by name."""
    totals: dict[str, int] = {}
    for name, size in sizes:
        totals[name] = totals.get(name, 0) + size
    return tuple(
        SizeRow(name, size) for name, size in sorted(totals.items(), key=lambda it: (-it[1], it[0]))
    )
