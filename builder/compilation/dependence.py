"""Which sources depend on the dtypes of a profile, and which on its backends: read from their text.

Note [In doubt it depends]: an object that is shared and should not be is a wrong library, while one
that is compiled again costs seconds. So nothing is looked at that only a compiler knows: a macro
counts whatever condition it is under, a name means each macro that has it, an include each file it
may lead to. A file depends on something if it mentions it, by way of any macro, or if a file does
that it includes. An include whose file is not named depends on everything.

For dtypes the compiler has the last word: where objects are shared for all dtypes, the function
that tells them can be named, but not called (templates/objects/selected_mobile_ops.h.j2).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import digits
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.candidates import INCLUDES, UPSTREAM, Group

DTYPE_CHECK: Final = "should_include_kernel_dtype"
"""The function by which a kernel asks whether it is compiled for a dtype (ATen/Dispatch.h)."""

_CLASS_CHECK: Final = "custom_class_allowlist_check"
"""The function by which a class asks whether it is registered (op_allowlist.h)."""

_COMMENT: Final = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_UNCOMMENTED: Final = r"\1 "  # what stands in a string is no comment
_NEVER: Final = re.compile(
    r"^[ \t]*#[ \t]*if[ \t]+0\b.*?(?=^[ \t]*#[ \t]*(?:el|endif))", re.MULTILINE | re.DOTALL
)
_DEFINE: Final = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:[^\\\n]+|\\\n|\\.)*)", re.MULTILINE
)
_INCLUDE: Final = re.compile(r"^[ \t]*#[ \t]*include\b[ \t]*(.*)", re.MULTILINE)
_NAMED: Final = re.compile(r'([<"])([^>"]+)[>"]')
_DECLARED: Final = re.compile(r"\bbool\s+\w+(?=\s*\()")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_DECLARATIONS: Final = re.compile(
    r"(?:#pragma once|namespace [\w:]+ \{|\}|[\w:<>,&*? ]+\((?:[^;(){}]|\(\)|\{\})*\);|\s)*"
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Groups of sources, and where the trees of their components are."""

    groups: tuple[Group, ...]
    roots: Mapping[str, Path]

    @property
    def names(self) -> frozenset[str]:
        """Return the ids of all sources."""
        return frozenset(name for group in self.groups for name in group.ids)

    def places(self) -> Iterator[tuple[Group, str, Path]]:
        """Yield the group, the id and the file of every source."""
        for group in self.groups:
            for name, source in group.ids.items():
                yield group, name, self.roots[group.component] / source


@dataclass(frozen=True, slots=True)
class Dependents:
    """The ids of sources that are compiled otherwise for other dtypes, and for other backends."""

    dtypes: frozenset[str]
    backends: frozenset[str]


def find_dependents(own: Candidates, base: Candidates) -> Dependents:
    """Return the dependent sources of `own`; `base` is what other backends compile instead."""
    texts = _Texts(own)
    dtypes = texts.sources_that_use({DTYPE_CHECK})
    if own == base:
        return Dependents(dtypes, frozenset())
    theirs = {name: group.name for group, name, _ in base.places()}
    elsewhere = {name for group, name, _ in own.places() if theirs.get(name) != group.name}
    changed = _changed(texts.read, own.roots["generated"], base.roots["generated"])
    backends = texts.sources_that_use({_CLASS_CHECK, *_definitions_of_backends()}, changed)
    return Dependents(dtypes, backends | elsewhere)


def _definitions_of_backends() -> frozenset[str]:
    table = tomllib.loads((DATA / "candidates.toml").read_text(encoding="utf-8"))
    return frozenset(
        definition.partition("=")[0]
        for row in table["group"]
        for definitions in row.get("definitions-for", {}).values()
        for definition in definitions
    )


def _changed(paths: Iterable[Path], own: Path, base: Path) -> frozenset[Path]:
    """Return the files of one generated tree that say something else than in the other.

    What they include says nothing by itself: a file that only one of them has is compared, too.
    """
    return frozenset(
        path
        for path in paths
        if path.is_relative_to(own) and not _alike(path, base / path.relative_to(own))
    )


def _alike(path: Path, other: Path) -> bool:
    said = _said(path)
    if other.is_file():
        return said == _said(other)
    return _DECLARATIONS.fullmatch(said) is not None  # a function that nobody calls is no code


def _said(path: Path) -> str:
    text = _INCLUDE.sub(
        "", _COMMENT.sub(_UNCOMMENTED, path.read_text(encoding="utf-8", errors="replace"))
    )
    return " ".join(text.split())


def included_components(candidates: Candidates, sources: AbstractSet[str]) -> frozenset[str]:
    """Return the components whose files these sources, given by id, are or may include.

    In doubt a file is included: see Note [In doubt it depends].
    """
    finder = _Finder(candidates)
    begun = _beginnings(candidates, finder)
    pending = [path for name, paths in begun if name in sources for path in paths]
    found: set[Path] = set()
    while pending:
        path = pending.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        # comments count: to take them out takes longer than all the rest
        lines = _INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace"))
        folder = path.parent
        pending += (it for line in lines for it in finder.find(line, folder) if it not in found)
    names = tuple(map(str, found))
    return frozenset(
        component
        for component, root in candidates.roots.items()
        if any(it.startswith(f"{root}/") for it in names)
    )


def _beginnings(
    candidates: Candidates, finder: "_Finder"
) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield each source by its id with the files that its compiler reads without being told to."""
    for group, name, path in candidates.places():
        precompiled = finder.find(" ".join(group.precompiled), path.parent)
        before = dict(group.before).get(group.ids[name])
        ours = [candidates.roots["native"] / "src" / UPSTREAM / before] if before else []
        yield name, (path, *precompiled, *ours)


@dataclass(frozen=True, slots=True)
class _Text:
    """What a file says: words outside of macros, macros with their words, files it may include."""

    words: frozenset[str]
    macros: Mapping[str, frozenset[str]]
    includes: tuple[Path, ...]
    unknown: bool


class _Texts:
    """All files that candidates are made of, read once."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self._finder = _Finder(candidates)
        self._sources = dict(_beginnings(candidates, self._finder))

    @cached_property
    def read(self) -> Mapping[Path, _Text]:
        """All files that any source may include, and the sources."""
        found: dict[Path, _Text] = {}
        pending = [path for paths in self._sources.values() for path in paths]
        while pending:
            path = pending.pop()
            if path not in found:
                found[path] = self._parse(path)
                pending += found[path].includes
        return found

    def sources_that_use(
        self, words: AbstractSet[str], files: AbstractSet[Path] = frozenset()
    ) -> frozenset[str]:
        """Return the ids of the sources that mention a word, or are or include one of `files`."""
        meant = self._spread(words)
        using = {
            path
            for path, text in self.read.items()
            if text.unknown or path in files or not text.words.isdisjoint(meant)
        }
        reached = self._includers(using)
        return frozenset(
            name for name, paths in self._sources.items() if not reached.isdisjoint(paths)
        )

    def _spread(self, words: AbstractSet[str]) -> frozenset[str]:
        """Return the words, and every macro that comes to one of them.

        `AT_AP` stands for `AT_AP1`, `AT_AP2` and so on: macros paste numbers to names.
        """
        macros = [row for text in self.read.values() for row in text.macros.items()]
        meant: set[str] = set()
        more = set(words)
        while more:
            meant |= more | {name.rstrip(digits) for name in more}
            more = {name for name, body in macros if name not in meant and body & meant}
        return frozenset(meant)

    def _includers(self, files: Iterable[Path]) -> set[Path]:
        """Return the files, and all that include one of them."""
        includers: dict[Path, list[Path]] = {}
        for path, text in self.read.items():
            for included in text.includes:
                includers.setdefault(included, []).append(path)
        reached: set[Path] = set()
        pending = list(files)
        while pending:
            path = pending.pop()
            if path not in reached:
                reached.add(path)
                pending += includers.get(path, ())
        return reached

    def _parse(self, path: Path) -> _Text:
        text = _COMMENT.sub(_UNCOMMENTED, path.read_text(encoding="utf-8", errors="replace"))
        text = _NEVER.sub("", text)
        macros: dict[str, frozenset[str]] = {}
        if "define" in text:  # most generated headers have none of this: thousands of files
            for name, body in _DEFINE.findall(text):
                macros[name] = macros.get(name, frozenset()).union(_WORD.findall(body))
            text = _DEFINE.sub("", text)
        included = _INCLUDE.findall(text)
        text = _DECLARED.sub(" ", _INCLUDE.sub("", text))
        return _Text(
            words=frozenset(_WORD.findall(text)),
            macros=macros,
            includes=tuple(it for line in included for it in self._finder.find(line, path.parent)),
            unknown=any(not line.startswith(("<", '"')) for line in included),
        )


class _Finder:
    """Where the files are that an `#include` may mean; those of the compiler are not looked for."""

    def __init__(self, candidates: Candidates) -> None:
        roots = candidates.roots
        own = {roots[name] / path for it in candidates.groups for name, path in it.includes}
        folders = [*(roots[name] / path for name, path in INCLUDES), *sorted(own)]
        self._folders = [
            (it, {entry.name for entry in it.iterdir()}) for it in folders if it.is_dir()
        ]
        self._known: dict[str, tuple[Path, ...]] = {}

    def find(self, text: str, folder: Path) -> tuple[Path, ...]:
        """Return the files that the names in `text` may lead to from a file in `folder`."""
        found: list[Path] = []
        for mark, name in _NAMED.findall(text):
            if name not in self._known:
                self._known[name] = tuple(self._below_folders(name))
            found += self._known[name]
            if mark == '"' and (beside := folder / name).is_file():
                found.append(beside)
        return tuple(dict.fromkeys(found))

    def _below_folders(self, name: str) -> Iterator[Path]:
        first = name.partition("/")[0]
        for folder, entries in self._folders:
            if first in entries and (path := folder / name).is_file():
                yield path
