"""The user's own C++ as one value: its files, the operators they register, and what is wrong.

Names are places in the build, not on this machine: the first folder is `operators`, the next one
`operators-2`. So equal files make equal runtimes, wherever they lie.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from builder.extensions.registrations import (
    KEYS,
    Definition,
    Fault,
    OwnKernel,
    Registrations,
    parse_registrations,
)
from builder.extensions.signatures import SchemaError, Signature, signature_of
from builder.foundation.files import relative, sha256_file
from builder.libtorch.catalogue import Catalogue, OperatorEntry
from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.errors import CompileError, UsageError, did_you_mean
from builder.vocabulary.models import OwnOperators
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.plan import ExtensionFile

SUFFIXES: Final = frozenset({".cpp", ".cc", ".cxx"})
"""How the names of C++ sources end."""

_LARGEST: Final = 8 << 20  # bytes of one file
_MOST: Final = 2_000  # files
_INCLUDED: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """A source that can be compiled. `component` is its folder's name, `path` its place below."""

    component: str
    path: str
    registrations: Registrations

    @property
    def id(self) -> str:
        """Return it as other sources are called: `operators:nms.cpp`."""
        return f"{self.component}:{self.path}"


@dataclass(frozen=True, slots=True)
class Implemented:
    """An operator of the user's, and the kernel that runs it if there is one.

    `place` is where its schema stands, as the user names the file: `ops/nms.cpp:12`.
    """

    definition: Definition
    signature: Signature
    place: str
    source: Source | None = None
    kernel: OwnKernel | None = None

    @property
    def entry(self) -> OperatorEntry:
        """Return it as catalogues hold operators."""
        name = self.definition.name
        if self.source is None:
            return OperatorEntry(name, self.definition.schema, place=self.place)
        return OperatorEntry(
            name, self.definition.schema, kernel=kernel_symbol(name), place=self.place,
            source=self.source.id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extension:
    """All that was given. `files` are all that decide objects, headers too; `roots` are folders.

    `libraries` define the same operators for desktop torch.
    """

    sources: tuple[Source, ...] = ()
    files: tuple[ExtensionFile, ...] = ()
    roots: tuple[tuple[str, Path], ...] = ()
    operators: tuple[Implemented, ...] = ()
    libraries: tuple[Path, ...] = ()

    @property
    def own(self) -> OwnOperators:
        """What a child process with desktop torch is told of them."""
        return OwnOperators(tuple(it.definition.schema for it in self.operators), self.libraries)

    def called_by(self, names: frozenset[OperatorName]) -> bool:
        """Whether any of the operators is among `names`."""
        return any(it.definition.name in names for it in self.operators)

    def extend(self, catalogue: Catalogue) -> Catalogue:
        """Return a catalogue with these operators; raise `CompileError` for names that it has."""
        taken = [
            it
            for it in self.operators
            if (known := catalogue.entries.get(it.definition.name)) is not None
            and not known.missing
        ]
        if taken:
            raise _wrong(
                [
                    f"{it.place}: {it.definition.name} is an operator of PyTorch itself"
                    for it in taken
                ],
                ["give it a namespace of its own, and call that in the model"],
            )
        entries = {it.definition.name: it.entry for it in self.operators}
        return replace(catalogue, entries={**catalogue.entries, **entries})


NOTHING: Final = Extension()


def read_extension(sources: Iterable[Path], libraries: Iterable[Path] = ()) -> Extension:
    """Read C++ files, and all below folders; one error tells everything that is wrong in them.

    Raise `UsageError` for what is not there, `CompileError` for what no runtime can have.
    """
    sources, libraries = tuple(sources), tuple(libraries)
    _refuse_missing(sources, libraries)
    files = tuple(_files(sources))
    if len(files) > _MOST:
        raise UsageError(f"more than {_MOST} C++ files in --ops-source", hint="name fewer folders")
    roots = tuple(dict.fromkeys(root for root, _ in files))
    names = {
        root: "operators" if number == 1 else f"operators-{number}"
        for number, root in enumerate(roots, start=1)
    }
    read = tuple(
        (path, Source(names[root], _below(path, root), parse_registrations(_text(path))))
        for root, path in files
    )
    return Extension(
        tuple(source for _, source in read),
        tuple(_all_files(read, names)),
        tuple((name, root.resolve()) for root, name in names.items()),
        _implemented(read),
        libraries,
    )


def _refuse_missing(sources: tuple[Path, ...], libraries: tuple[Path, ...]) -> None:
    for option, paths in (("--ops-source", sources), ("--ops-library", libraries)):
        if missing := [str(it) for it in paths if not it.exists()]:
            raise UsageError(f"no such file: {', '.join(missing)}", hint=f"check {option}")
    for path in sources:
        if path.is_file() and path.suffix not in SUFFIXES:
            raise UsageError(
                f"{path} is no C++ source", hint="name a .cpp file, or a folder with some"
            )
    for path in libraries:
        if not path.is_file() or path.suffix not in {".so", ".py"}:
            raise UsageError(
                f"{path} is no library of operators",
                hint="name the .so that torch.ops.load_library takes, or a .py that registers them",
            )


def _files(sources: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each source with its folder, the one that was given for it."""
    seen: set[Path] = set()
    for given in sources:
        found = sorted(it for it in given.rglob("*") if it.suffix in SUFFIXES and it.is_file())
        if given.is_dir() and not found:
            raise UsageError(f"no C++ source below {given}", hint="check --ops-source")
        for path in found if given.is_dir() else [given]:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield (given if given.is_dir() else given.parent), path


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST >> 20} MB", hint="name C++ sources alone")
    return path.read_text(encoding="utf-8", errors="replace")


def _all_files(
    read: Iterable[tuple[Path, Source]], names: Mapping[Path, str]
) -> Iterator[ExtensionFile]:
    """Yield what decides the objects: the sources, and the headers they reach here."""
    pending = [path.resolve() for path, _ in read]
    folders = {root.resolve(): name for root, name in names.items()}
    found: dict[Path, str] = {}
    while pending and len(found) <= _MOST:
        path = pending.pop()
        if path in found:
            continue
        root = next((it for it in folders if path.is_relative_to(it)), next(iter(folders)))
        found[path] = f"{folders[root]}:{relative(path, root)}"
        for included in _INCLUDED.findall(_text(path)):
            candidates = ((folder / included).resolve() for folder in (path.parent, *folders))
            pending += [it for it in candidates if it.is_file()]
    for path, name in sorted(found.items(), key=lambda it: it[1]):
        yield ExtensionFile(name, sha256_file(path))


def _implemented(read: Iterable[tuple[Path, Source]]) -> tuple[Implemented, ...]:
    """Put schemas and kernels of all files together; raise one error for all that is wrong."""
    read = tuple(read)
    wrong = [(path, fault) for path, source in read for fault in source.registrations.faults]
    found: dict[OperatorName, Implemented] = {}
    for path, source in read:
        for it in source.registrations.definitions:
            place = f"{path}:{it.line}"
            if it.name in found:
                what = f"{it.name} is defined in {found[it.name].place}, too"
                wrong.append((path, Fault(it.line, what, "define each operator once")))
                continue
            try:
                found[it.name] = Implemented(it, signature_of(it.schema), place)
            except SchemaError as error:
                what = f"the schema of {it.name} is wrong: {error}"
                do = 'write it like "area(Tensor boxes, float scale=1.0) -> Tensor"'
                wrong.append((path, Fault(it.line, what, do)))
    kernels = [(path, source, it) for path, source in read for it in source.registrations.kernels]
    undefined: list[tuple[Path, Fault]] = []
    for path, source, kernel in sorted(kernels, key=lambda it: KEYS.index(it[2].key)):
        known = found.get(kernel.name)
        if known is not None and known.kernel is None:
            found[kernel.name] = replace(known, source=source, kernel=kernel)
        elif known is None and not wrong:  # else it may be defined where something is wrong
            namespace = kernel.name.namespace
            bases = {it.base for it in found if it.namespace == namespace}
            near = did_you_mean(kernel.name.base, bases, prefix=f"{namespace}::")
            what = f"a kernel of {kernel.name}, which nothing defines{near}"
            do = f'define it: m.def("{kernel.name.base}(Tensor x) -> Tensor")'
            undefined.append((path, Fault(kernel.line, what, do)))
    if wrong := [*wrong, *undefined]:
        wrong.sort(key=lambda it: (str(it[0]), it[1].line))
        raise _wrong(
            [f"{path}:{fault.line}: {fault.message}" for path, fault in wrong],
            dict.fromkeys(fault.do for _, fault in wrong),
        )
    return tuple(found[name] for name in sorted(found))


def _wrong(lines: Iterable[str], do: Iterable[str]) -> CompileError:
    return CompileError(
        "operators of your own cannot be built:\n    " + "\n    ".join(lines),
        hint="\n       ".join(dict.fromkeys(do)),
    )
