from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.foundation.elf import Export, read_elf
from builder.vocabulary.errors import VerificationError
from tests.places import RECORDED

ELF = RECORDED / "elf"
TINY = (ELF / "arm64-v8a" / "tiny.so").read_bytes()


def test_a_library_says_what_it_is() -> None:
    elf = read_elf(ELF / "arm64-v8a" / "tiny.so")
    assert (elf.bits, elf.kind, elf.machine) == (64, "ET_DYN", "EM_AARCH64")
    assert elf.size == len(TINY)
    assert elf.soname == "libbuild_runtime.so"
    assert elf.needed == ()
    assert elf.run_paths == ()
    assert elf.exports == {
        Export("br_name", "BUILD_RUNTIME_1"),
        Export("br_call", "BUILD_RUNTIME_1"),
    }
    assert elf.export_names == {"br_name", "br_call"}
    assert (elf.relro, elf.bind_now, elf.text_relocations, elf.executable_stack) == (
        True, True, False, False,
    )  # fmt: skip
    assert len(elf.build_id) == 40


@pytest.mark.parametrize(
    ("abi", "bits", "machine"),
    [("armeabi-v7a", 32, "EM_ARM"), ("x86", 32, "EM_386")],
)
def test_32_bit_libraries_are_read_too(abi: str, bits: int, machine: str) -> None:
    elf = read_elf(ELF / abi / "tiny.so")
    assert (elf.bits, elf.machine) == (bits, machine)
    assert elf.export_names == {"br_name", "br_call"}


def test_zeroed_memory_takes_no_bytes_of_the_file() -> None:
    elf = read_elf(ELF / "arm64-v8a" / "tiny.so")
    (bss,) = (section for section in elf.sections if section.name == ".bss")
    assert (bss.size, bss.stored) == (4096, 0)
    (text,) = (section for section in elf.sections if section.name == ".text")
    assert (text.address, text.size, text.stored) == (0x44E8, 0xBC, 0xBC)


def test_the_section_headers_end_the_file() -> None:
    elf = read_elf(ELF / "arm64-v8a" / "tiny.so")
    assert sum(elf.section_table) == elf.size


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"no library", TINY[:60], TINY[:-1]])
def test_what_is_no_elf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "libx.so"
    path.write_bytes(content)
    with pytest.raises(VerificationError, match=r"libx\.so is not a readable ELF library"):
        read_elf(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"cannot read .*libx\.so: No such file"):
        read_elf(tmp_path / "libx.so")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(TINY) - 1), st.integers(0, 255)), min_size=1, max_size=8
    ),
    length=st.one_of(st.just(len(TINY)), st.integers(0, len(TINY))),
)
def test_damage_is_read_or_refused_and_never_a_bug(
    tmp_path: Path, changes: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(TINY)
    for position, value in changes:
        damaged[position] = value
    path = tmp_path / "damaged.so"
    path.write_bytes(damaged[:length])
    try:
        read_elf(path)
    except VerificationError as error:
        assert "damaged.so" in error.message  # noqa: PT017  either outcome is right
