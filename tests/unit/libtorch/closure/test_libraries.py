import struct
from pathlib import Path
from typing import Final

import pytest

from builder.libtorch.closure.libraries import members, provided_symbols
from builder.vocabulary.errors import ToolchainError
from tests.places import RECORDED

ELF: Final = RECORDED / "elf"
NOTHING: Final = provided_symbols(())


def archive(name: bytes, width: int, symbols: list[bytes]) -> bytes:
    number = ">I" if width == 4 else ">Q"
    offsets = b"".join(struct.pack(number, 1000 + it) for it in range(len(symbols)))
    index = struct.pack(number, len(symbols)) + offsets + b"\0".join([*symbols, b""])
    header = name.ljust(16) + b"0".ljust(32) + str(len(index)).encode().ljust(10) + b"`\n"
    return b"!<arch>\n" + header + index + b"member data"


@pytest.mark.parametrize(("name", "width"), [(b"/", 4), (b"/SYM64/", 8)])
def test_an_archive_says_what_it_defines_in_its_index(
    tmp_path: Path, name: bytes, width: int
) -> None:
    library = tmp_path / "libx.a"
    library.write_bytes(archive(name, width, [b"_ZdlPv", b"memcpy"]))
    assert provided_symbols([library]) - NOTHING == {"_ZdlPv", "memcpy"}


def test_an_archive_without_an_index_defines_nothing_we_know(tmp_path: Path) -> None:
    library = tmp_path / "libempty.a"
    library.write_bytes(b"!<arch>\n")
    assert provided_symbols([library]) == NOTHING


@pytest.mark.parametrize("abi", ["arm64-v8a", "armeabi-v7a", "x86"])
def test_a_shared_library_defines_its_dynamic_symbols(abi: str) -> None:
    assert provided_symbols([ELF / abi / "tiny.so"]) - NOTHING == {"br_call", "br_name"}


def test_the_linkers_own_symbols_are_provided() -> None:
    assert {"_DYNAMIC", "__dso_handle", "_GLOBAL_OFFSET_TABLE_"} <= NOTHING


@pytest.mark.parametrize("name", ["libx.a", "libx.so"])
@pytest.mark.parametrize("data", [b"", b"not a library", b"!<arch>\n/".ljust(72, b" ")])
def test_a_damaged_library_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    library = tmp_path / name
    library.write_bytes(data)
    with pytest.raises(ToolchainError, match=name):
        provided_symbols([library])


def member(name: bytes, content: bytes) -> bytes:
    header = name.ljust(48) + str(len(content)).encode().ljust(10) + b"`\n"
    return header + content + b"\n" * (len(content) % 2)


def test_members_of_an_archive_have_their_full_names(tmp_path: Path) -> None:
    library = tmp_path / "libx.a"
    names = b"a/very/long/name.o/\nother.o/\n"
    library.write_bytes(
        b"!<arch>\n" + member(b"/", b"index") + member(b"//", names)
        + member(b"/0", b"one") + member(b"short.o/", b"two!") + member(b"/20", b"three")
    )  # fmt: skip
    assert list(members(library)) == [
        ("a/very/long/name.o", b"one"), ("short.o", b"two!"), ("other.o", b"three"),
    ]  # fmt: skip


def test_a_file_that_is_no_archive_has_no_members(tmp_path: Path) -> None:
    (tmp_path / "x.a").write_bytes(b"text")
    with pytest.raises(ValueError, match="no archive"):
        list(members(tmp_path / "x.a"))
