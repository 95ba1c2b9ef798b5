import re
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.report.measure import apportion, deflated_size, measure
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.places import RECORDED

ELF = RECORDED / "elf"
ROOTS = (("/home/user/torch", ""), ("/home/user/native", "native"))
ABIS = (Abi.ARM64_V8A, Abi.ARMEABI_V7A, Abi.X86)
TARGET = make_target(Platform.LINUX, Abi.ARM64_V8A)


def tiny(abi: Abi = Abi.ARM64_V8A) -> SizeReport:
    folder = ELF / abi
    target = make_target(Platform.LINUX, abi)
    return measure(folder / "tiny.so", folder / "tiny.map", target, ROOTS)


def sums(report: SizeReport) -> set[int]:
    return {
        sum(row.size for row in rows)
        for rows in (
            report.sections, report.components, report.objects, report.shares, report.symbols,
        )
    }  # fmt: skip


@pytest.mark.parametrize("abi", ABIS)
def test_every_byte_is_in_each_table_once(abi: Abi) -> None:
    report = tiny(abi)
    assert report.stripped == (ELF / abi / "tiny.so").stat().st_size
    assert sums(report) == {report.stripped}


def test_bytes_belong_to_their_object_section_and_component() -> None:
    report = tiny()
    objects = {row.name: row.size for row in report.objects}
    # code, relocated table with its relocations, unwind entries, and their places in the index;
    # zeroed memory takes no bytes of the file
    add = (12 + 80 + 8 + 8) + 16 + 2 * 24 + 0x5C + 4 * 8
    assert objects["aten/src/ATen/native/add.c.o"] == add
    assert objects["linker:.rodata.str1.1"] == 31
    components = {row.name: row.size for row in report.components}
    assert components["ATen kernels"] == add
    assert components["our C API"] == objects["native/src/api.c.o"]
    assert components["string literals"] == 31
    sections = {row.name: row.size for row in report.sections}
    assert sections[".text"] == 0xBC
    assert sections["headers"] == 0x270 + 1280
    assert ".bss" not in sections
    (zeroed,) = (it for it in report.symbols if it.section == ".bss")
    assert (zeroed.size, zeroed.memory) == (0, 4096)


@pytest.mark.parametrize("abi", ABIS)
def test_what_has_no_operators_is_core(abi: Abi) -> None:
    report = tiny(abi)
    assert report.core == report.stripped
    assert [it.size for it in report.shares] == [report.stripped]


@pytest.mark.parametrize("abi", ABIS)
def test_unwind_entries_and_relocations_are_of_what_they_are_for(abi: Abi) -> None:
    rows = [it for it in tiny(abi).symbols if not it.object.startswith("linker:")]
    by_section = {it.section for it in rows if it.object.endswith("add.c.o")}
    assert by_section & {".eh_frame", ".ARM.exidx"}
    assert by_section & {".rela.dyn", ".rel.dyn"}


def test_what_is_downloaded_is_shared_among_sections() -> None:
    assert apportion(10, {"a": 1, "b": 1, "c": 1}) == {"a": 3, "b": 3, "c": 4}


def test_rows_are_sorted_and_name_no_machine() -> None:
    report = tiny()
    for rows in (report.sections, report.components, report.objects):
        assert list(rows) == sorted(rows, key=lambda row: (-row.size, row.name))
        assert not [row.name for row in rows if "home" in row.name]


def test_download_is_what_inflates_back() -> None:
    data = (ELF / "x86" / "tiny.so").read_bytes()
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = compressor.compress(data) + compressor.flush()
    assert zlib.decompress(packed, -15) == data
    assert deflated_size(data) == len(packed) == tiny(Abi.X86).download


def test_bytes_after_the_sections_are_padding(tmp_path: Path) -> None:
    library = tmp_path / "tiny.so"
    library.write_bytes((ELF / "arm64-v8a" / "tiny.so").read_bytes() + b"x" * 1000)
    report = measure(library, ELF / "arm64-v8a" / "tiny.map", TARGET, ROOTS)
    assert sums(report) == {report.stripped} == {tiny().stripped + 1000}
    padding = {row.name: row.size for row in report.objects}["linker:padding"]
    assert padding == {row.name: row.size for row in tiny().objects}["linker:padding"] + 1000


def test_the_map_of_another_link_is_refused() -> None:
    library = ELF / "armeabi-v7a" / "tiny.so"
    with pytest.raises(VerificationError, match=r"does not describe this library .differs in"):
        measure(library, ELF / "x86" / "tiny.map", TARGET, ROOTS)


def test_a_missing_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match=r"cannot read .*none\.map"):
        measure(ELF / "x86" / "tiny.so", tmp_path / "none.map", TARGET, ROOTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_sum_holds_whatever_pieces_the_map_names(tmp_path: Path, data: st.DataObject) -> None:
    """Pieces that are lost, repeated, moved or of another size: bytes move, none is lost."""
    lines = (ELF / "arm64-v8a" / "tiny.map").read_text().splitlines()
    changed = []
    for line in lines:
        piece = re.fullmatch(r"( *)([0-9a-f]+)( +)\S+( +)([0-9a-f]+)( +\d+ {9}\S.*)", line)
        if piece is None:
            changed.append(line)
            continue
        address = int(piece[2], 16) + data.draw(st.integers(-40, 40))
        size = max(0, int(piece[5], 16) + data.draw(st.integers(-40, 40)))
        new = f"{max(address, 0):16x} {max(address, 0):16x} {size:8x}{piece[6]}"
        changed += [new] * data.draw(st.integers(0, 2))
    path = tmp_path / "changed.map"
    path.write_text("\n".join(changed))
    report = measure(ELF / "arm64-v8a" / "tiny.so", path, TARGET, ROOTS)
    assert sums(report) == {report.stripped}
