import re
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.elf import Section, read_elf
from builder.foundation.resources import NATIVE, TEMPLATES
from builder.proof import registered
from builder.proof.registered import SECTION, read_registered
from builder.vocabulary.errors import VerificationError
from tests.places import RECORDED

TINY = RECORDED / "elf/arm64-v8a/tiny.so"
TEXT = (
    b"aten::add.Tensor\0\0\0prim::tolist(...) -> ...\0"
    b"aten::Int.Tensor(Tensor a) -> int\0aten::add.Tensor\0"
    b'"aten::is_grad_enabled() -> bool"\0'
)


def with_names(library: Path, monkeypatch: pytest.MonkeyPatch, stored: int) -> Path:
    """Return a library whose last bytes are said to be the names."""
    library.write_bytes(TINY.read_bytes() + TEXT + b"aten::of_another_section\0")
    elf = read_elf(TINY)
    section = Section(SECTION, elf.size, 0, stored, stored)
    size, sections = library.stat().st_size, (*elf.sections, section)
    monkeypatch.setattr(
        registered, "read_elf", lambda _: replace(elf, size=size, sections=sections)
    )
    return library


def test_names_are_read_from_their_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = with_names(tmp_path / "lib.so", monkeypatch, len(TEXT))
    found = read_registered(library) or frozenset()
    assert found == {
        "aten::add.Tensor", "prim::tolist", "aten::Int.Tensor", "aten::is_grad_enabled",
    }  # fmt: skip


@pytest.mark.parametrize("stored", [1 << 20, 1 << 45, 1 << 63])
def test_names_behind_the_end_of_a_file_are_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int
) -> None:
    library = with_names(tmp_path / "lib.so", monkeypatch, stored)
    with pytest.raises(VerificationError, match="br_registered lies behind its end"):
        read_registered(library)


def test_a_library_without_names_says_nothing() -> None:
    assert read_registered(TINY) is None


def test_what_is_no_library_raises(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="cannot read"):
        read_registered(tmp_path / "none.so")


def test_all_who_write_names_write_them_there() -> None:
    writers = (NATIVE / "src/upstream/named_operators.h", TEMPLATES / "runtime/registration.cpp.j2")
    for writer in writers:
        assert set(re.findall(r'section\("(\w+)"\)', writer.read_text())) == {SECTION}, writer
