"""The rules every runtime keeps before it may ship, checked on the finished file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from builder.foundation.elf import ElfFile, read_elf
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.targets import Target, abi_facts, platform_facts, target_facts

_DEBUG_SECTIONS: Final = (".symtab", ".debug*", ".zdebug*")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What the build of a library knows, and its file does not tell.

    `forbidden_paths` are folders of the building machine that must not occur anywhere in its bytes.
    `replaced` are the functions of the C library that it defines itself. `provided` are the symbols
    that the system's libraries have on the oldest device it is for, None where nobody knows.
    """

    forbidden_paths: tuple[str, ...] = ()
    replaced: frozenset[str] = frozenset()
    provided: frozenset[str] | None = None


NOTHING: Final = Known()


def check_policy(
    library: Path, target: Target, exports: frozenset[str], known: Known = NOTHING
) -> tuple[str, ...]:
    """Return every rule the library breaks, one sentence each; none when it may ship.

    `exports` are the symbols it must offer, no fewer and no more. Raises `VerificationError` when
    the file cannot be read as ELF.
    """
    elf = read_elf(library)
    try:
        data = library.read_bytes()
    except OSError as error:
        message = f"cannot read {library}: {error.strerror or error}"
        raise VerificationError(message) from error
    return (
        *violations(elf, target, exports),
        *_name(elf, library.name),
        *_leaks(data, known.forbidden_paths),
        *_replacements(known.replaced),
        *_imports(elf, target, known.provided),
    )


def violations(elf: ElfFile, target: Target, exports: frozenset[str]) -> tuple[str, ...]:
    """Return the rules broken by what a library says about itself."""
    return (
        *_identity(elf, target),
        *_loading(elf, target),
        *_relocation(elf, target),
        *_hardening(elf),
        *_interface(elf, exports),
    )


def _identity(elf: ElfFile, target: Target) -> Iterator[str]:
    abi = abi_facts(target.abi)
    if elf.kind != "ET_DYN":
        yield f"it is no shared library (type {elf.kind}, not ET_DYN)"
    if elf.bits != abi.bits:
        yield f"it is a {elf.bits}-bit file, {target.abi} is {abi.bits}-bit"
    if elf.machine != abi.elf_machine:
        yield f"it is for the machine {elf.machine}, {target.abi} is {abi.elf_machine}"
    if not elf.soname:
        yield "it has no SONAME: programs would record the path it was linked from"
    if not elf.build_id:
        yield "it has no build id: crash reports could not be matched with it"
    debug = [
        section.name
        for section in elf.sections
        if any(fnmatchcase(section.name, pattern) for pattern in _DEBUG_SECTIONS)
    ]
    if debug:
        yield f"it is not stripped: it has {_list(debug)}"


def _loading(elf: ElfFile, target: Target) -> Iterator[str]:
    page = target_facts(target).page_size
    for segment in elf.segments:
        if segment.kind != "PT_LOAD":
            continue
        where = f"the segment at file offset {segment.offset:#x}"
        if segment.align < page:
            size = f"{page >> 10} KB pages ({page:#x})"
            yield f"{where} is aligned to {segment.align:#x}, not to {size}"
        elif (segment.address - segment.offset) % segment.align != 0:
            yield f"{where} is not congruent with its address modulo {segment.align:#x}"
    known = platform_facts(target.platform).needed
    foreign = [name for name in elf.needed if not any(fnmatchcase(name, it) for it in known)]
    if foreign:
        yield f"it needs {_list(foreign)}: not on every {target.platform} device"
    if elf.run_paths:
        yield f"it has the run path {_list(elf.run_paths)}: libraries come from the system only"


def _relocation(elf: ElfFile, target: Target) -> Iterator[str]:
    """Yield what is wrong with packed relocations where loaders cannot be relied on for them."""
    if not platform_facts(target.platform).relocates_itself:
        return
    if "DT_RELR" in elf.dynamic:
        yield "it leaves packed relocations (DT_RELR) to loaders, and older ones do not apply them"
    if "DT_ANDROID_RELR" in elf.dynamic and "DT_INIT" not in elf.dynamic:
        yield "it has packed relocations, but no function that applies them (DT_INIT)"


def _hardening(elf: ElfFile) -> Iterator[str]:
    if elf.text_relocations:
        yield "it has text relocations: its code would have to be writable"
    if elf.executable_stack:
        yield "it asks for an executable stack"
    if any(it.writable and it.executable for it in elf.segments if it.kind == "PT_LOAD"):
        yield "it has a segment that is both writable and executable"
    if not elf.relro:
        yield "it has no RELRO segment: relocated data would stay writable"
    if not elf.bind_now:
        yield "it binds symbols lazily: RELRO would not cover its GOT (link with -z now)"


def _interface(elf: ElfFile, exports: frozenset[str]) -> Iterator[str]:
    if missing := exports - elf.export_names:
        yield f"it does not export {_list(missing)}"
    if extra := elf.export_names - exports:
        yield f"it exports {_list(extra)}: not part of its interface"
    unversioned = {it.name for it in elf.exports if not it.version and it.name in exports}
    if unversioned:
        yield f"it exports {_list(unversioned)} without a version"


def _leaks(data: bytes, forbidden: Iterable[str]) -> Iterator[str]:
    for path in sorted({path.rstrip("/") for path in forbidden} - {""}):
        # Whole names only: a home of /root is not betrayed by the word /rootfs.
        found = re.search(re.escape(path.encode(errors="surrogateescape")) + rb"(?![\w.-])", data)
        if found is not None:
            yield f"it contains the path {path} of the building machine (at byte {found.start()})"


def _replacements(names: frozenset[str]) -> Iterator[str]:
    if names:
        yield f"it defines {_list(names)}: the system's C library has them, and faster ones"


def _name(elf: ElfFile, name: str) -> Iterator[str]:
    if elf.soname and elf.soname != name:
        yield f"its SONAME is {elf.soname}, its file {name}: what links it would not find it"


def _imports(elf: ElfFile, target: Target, provided: frozenset[str] | None) -> Iterator[str]:
    if provided is not None and (missing := elf.imports - provided):
        yield f"it needs {_list(missing)}: not on the oldest device of {target}"


def _list(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(ordered[:_SHOWN]) + more
