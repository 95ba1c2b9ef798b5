"""How the NDK's compiler links a C++ library: it is asked, and its words become files.

Its lld is called directly, as on every platform. The driver would add the same libraries by name.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder.foundation.process import Command, Completed, Host
from builder.toolchains.recipes import kept_flags, read_recipe, write_recipe
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import LinkLine, Toolchain
from builder.vocabulary.targets import platform_facts

RECIPE: Final = "link-1.json"  # the number counts the ways to make it
_SCRIPT: Final = re.compile(rb"\s*(?:INPUT|GROUP)\s*\(([^)]*)\)\s*")
_LONGEST: Final = 4096  # bytes of a linker script; libraries are longer


@contextmanager
def learned_link(toolchain: Toolchain, host: Host) -> Iterator[Callable[[], LinkLine]]:
    """Ask the compiler how it would link a C++ library; remember the answer. Nothing is linked."""
    recipe = toolchain.cxx.parent / RECIPE

    def learn() -> LinkLine:
        known = read_recipe(recipe, host.cache)
        if known is None:
            known = _ask(toolchain, host)
            write_recipe(recipe, known, host.cache)
        return known

    yield learn


def _ask(toolchain: Toolchain, host: Host) -> LinkLine:
    known = platform_facts(toolchain.target.platform).needed
    system = [f"-l{Path(it).stem.removeprefix('lib')}" for it in known]
    argv = (
        str(toolchain.cxx), "-###", "-shared", "-static-libstdc++",
        "-x", "c++", "/dev/null", "-o", "probe.so", *system,
    )  # fmt: skip
    command = Command(argv, toolchain.cxx.parent, host.child_env())
    result = host.runner.capture(command)
    try:
        return _parse(result, toolchain.cxx.parent)
    except LookupError as error:
        lines = [it for it in result.stderr.strip().splitlines() if "error" in it]
        reason = lines[0] if lines else str(error.args[0])
        compiler = toolchain.compiler
        raise ToolchainError(
            f"{compiler.name} {compiler.version} cannot link a C++ library for {toolchain.target}:"
            f" {reason}",
            hint=f"repeat it by hand:\n    {command}",
        ) from error


def _parse(result: Completed, folder: Path) -> LinkLine:
    """Read what `-###` printed; raise `LookupError` with what is missing."""
    lines = [line for line in result.stderr.splitlines() if line.startswith(' "')]
    if result.status != 0 or not lines:
        message = "no output"
        raise LookupError(message)
    words = shlex.split(lines[-1])
    search = _Search(tuple(folder / word[2:] for word in words if word.startswith("-L")))
    inputs = [word for word in words[1:] if _is_input(word)]
    return LinkLine(kept_flags(words), tuple(dict.fromkeys(search.files(inputs))))


def _is_input(word: str) -> bool:
    """Whether a word of the linker's decides what is linked: but for the object of the probe."""
    if word in {"-Bstatic", "-Bdynamic"} or word.startswith("-l"):
        return True
    return word.endswith(".a") or Path(word).name.startswith("crt")


@dataclass(slots=True)
class _Search:
    """The linker's search for libraries: lives only inside of `_parse`."""

    folders: tuple[Path, ...]
    static: bool = field(default=False)

    def files(self, words: Iterable[str]) -> Iterator[Path]:
        """Yield the files that words stand for, in order."""
        for word in words:
            if word in {"-Bstatic", "-Bdynamic"}:
                self.static = word == "-Bstatic"
            elif word.startswith("-l"):
                yield from self._library(word.removeprefix("-l"))
            else:
                yield Path(word)

    def _library(self, name: str) -> Iterator[Path]:
        kinds = (".a",) if self.static else (".so", ".a")
        names = [name[1:]] if name.startswith(":") else [f"lib{name}{kind}" for kind in kinds]
        found = next(
            (it for folder in self.folders for it in (folder / n for n in names) if it.is_file()),
            None,
        )
        if found is None:
            message = f"no library {name} in {', '.join(map(str, self.folders))}"
            raise LookupError(message)
        script = _SCRIPT.fullmatch(found.read_bytes()) if found.stat().st_size <= _LONGEST else None
        if script is None:
            yield found
        else:
            yield from self.files(script[1].decode().split())
