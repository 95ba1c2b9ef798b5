"""Find the source of a symbol by reading the sources: for what the symbol index does not know."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from builder.libtorch.candidates import Group
from builder.libtorch.mangling import dispatch_stub, identifiers, structured_operator

_TOKEN: Final = re.compile(rb"[A-Za-z_]\w+")


class SourceSearch:
    """Ranks the candidate sources that may define a symbol by the words that stand in them."""

    def __init__(
        self,
        groups: Iterable[Group],
        roots: Mapping[str, Path],
        provided: Callable[[], frozenset[str]],
    ) -> None:
        """Search `groups`, but never for what `provided` returns: symbols of system libraries."""
        self._groups = tuple(groups)
        self._roots = roots
        self._provided = provided

    @cached_property
    def _texts(self) -> dict[str, bytes]:
        return {
            f"{group.component}:{source}": (self._roots[group.component] / source).read_bytes()
            for group in self._groups
            for source in group.sources
        }

    @cached_property
    def _words(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for source, text in self._texts.items():
            for word in set(_TOKEN.findall(text)):
                found.setdefault(word.decode(), []).append(source)
        return {word: tuple(sources) for word, sources in found.items()}

    def definers(self, symbol: str) -> tuple[str, ...]:
        """Return the sources that may define `symbol`, the likeliest first."""
        if symbol in self._provided():
            return ()
        parts, definition = _sought(symbol)
        found: list[str] = []
        for part in parts:
            for word in _shortened(part):
                sources = set(self._words.get(word, ())).difference(found)
                if found:  # who mentions the whole name may only call what a macro makes elsewhere
                    sources = {it for it in sources if self._pastes(it, part[len(word) :])}
                strange = self._strange(sources, parts)
                ranks = {it: (strange[it], self._rank(it, word, definition)) for it in sources}
                found += sorted(sources, key=ranks.__getitem__)
            if found:
                break
        return tuple(found)

    def _pastes(self, source: str, ending: str) -> bool:
        """Tell whether a macro of a source makes names with this ending: `name##_sparse`."""
        return bool(re.search(rb"##\s*" + re.escape(ending.encode()) + rb"\b", self._texts[source]))

    def _strange(self, sources: Iterable[str], parts: Iterable[str]) -> dict[str, int]:
        """Count the parts of a name that a source never mentions: namespaces, classes."""
        known = [frozenset(self._words.get(part, ())) for part in parts]
        return {source: sum(source not in it for it in known) for source in sources}

    def _rank(self, source: str, word: str, definition: str) -> tuple[int, int, str]:
        """Definitions before uses; then where the word stands most often; then by name."""
        text = self._texts[source]
        name = rb"\b" + re.escape(word.encode()) + rb"\b"
        defines = re.search(definition.encode().replace(b"NAME", name), text, re.MULTILINE)
        return (0 if defines else 1, -len(re.findall(name, text)), source)


def _sought(symbol: str) -> tuple[tuple[str, ...], str]:
    """Return the names to look for, and the pattern of a definition of NAME."""
    if (stub := dispatch_stub(symbol)) is not None:
        return (stub,), r"REGISTER\w*DISPATCH\(\s*NAME"
    # no source spells the name of the class, and all its functions have one of two
    if (operator := structured_operator(symbol)) is not None:
        return (operator,), r"TORCH_(?:META|IMPL)_FUNC2?\(\s*NAME"
    parts = tuple(reversed(identifiers(symbol)))
    return parts, r"^(?!\s*(?:return|//|#include))[^;\n=]*NAME\s*[(,)][^;]*?\{"


def _shortened(word: str) -> Iterator[str]:
    """Yield a word, then without its last parts: macros paste names such as `ge` + `_out`."""
    while word:
        yield word
        word = word.rpartition("_")[0]
