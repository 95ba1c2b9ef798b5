"""The compiler's runtime gives way to the C library, on objects of the real compiler."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import given
from hypothesis import strategies as st

from builder.toolchains.compiler_rt import without
from builder.toolchains.zig import target_flags
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Abi, Platform, make_target

ZIG: Final = (sys.executable, "-m", "ziglang")
SOURCE: Final = """\
static int hidden(int it) { return it * 3; }
int twice(int it) { return hidden(it) + 1; }
int thrice(int it) { return twice(it) + 2; }
int counter = 7;
"""
HEADER: Final = 60


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Abi], bytes]:
    """Return an archive of one object with a few global symbols, for an ABI."""
    made: dict[Abi, bytes] = {}

    def make(abi: Abi) -> bytes:
        if abi not in made:
            folder = tmp_path_factory.mktemp(abi)
            (folder / "a.c").write_text(SOURCE)
            flags = ("-fPIC", "-O0", "-c", "a.c", "-o", "a.o")
            target = target_flags(make_target(Platform.LINUX, abi))
            for command in (("cc", *target, *flags), ("ar", "rcs", "a.a", "a.o")):
                subprocess.run([*ZIG, *command], cwd=folder, check=True)
            made[abi] = (folder / "a.a").read_bytes()
        return made[abi]

    return make


def symbols(archive: bytes) -> dict[str, bool]:
    """Return the global symbols of the one object: whether each is defined."""
    start = archive.index(b"\x7fELF")
    size = int(archive[start - HEADER + 48 : start - HEADER + 58])
    table = ELFFile(io.BytesIO(archive[start : start + size])).get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return {
        it.name: it["st_shndx"] != "SHN_UNDEF"
        for it in table.iter_symbols()
        if it["st_info"]["bind"] != "STB_LOCAL"
    }


@pytest.mark.parametrize("abi", Abi)
def test_what_the_system_has_is_referred_to(abi: Abi, compiled: Callable[[Abi], bytes]) -> None:
    archive = compiled(abi)
    before = symbols(archive)
    assert {"twice", "thrice", "counter"} <= {it for it, defined in before.items() if defined}
    changed = without(archive, {"twice", "hidden", "unheard_of"})
    assert symbols(changed) == {**before, "twice": False}
    assert len(changed) == len(archive)
    assert without(archive, frozenset()) == archive
    assert without(changed, {"twice"}) == changed


@given(data=st.data())
def test_a_damaged_archive_is_an_error_if_anything(
    data: st.DataObject, compiled: Callable[[Abi], bytes]
) -> None:
    archive = compiled(Abi.ARM64_V8A)
    cut = data.draw(st.integers(0, len(archive) - 2))
    with suppress(ToolchainError):
        without(archive[:cut], {"twice"})


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(ToolchainError, match="no archive") as caught:
        without(b"\x7fELF", {"x"})
    assert "cache clear" in caught.value.hint
