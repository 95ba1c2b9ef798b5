import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.compilation.shared.launching.objects import is_whole_object
from builder.vocabulary.targets import Abi, abi_facts

ABIS = {32: Abi.X86, 64: Abi.X86_64}
MACHINES = {Abi.X86: 3, Abi.X86_64: 62, Abi.ARMEABI_V7A: 40, Abi.ARM64_V8A: 183}
HEADERS = {32: "<4s3B9xHHIIIIIHHHHHH", 64: "<4s3B9xHHIQQQIHHHHHH"}


def elf(bits: int, *, machine: int = 62, kind: int = 1, sections: int = 3) -> bytes:
    """Return an object with `sections` empty entries in its table."""
    layout = struct.Struct(HEADERS[bits])
    entry = 40 if bits == 32 else 64
    first = (b"\x7fELF", bits // 32, 1, 1, kind, machine, 1, 0, 0)
    head = layout.pack(*first, layout.size, 0, layout.size, 0, 0, entry, sections, 1)
    return head + bytes(entry * sections)


@pytest.mark.parametrize("bits", HEADERS)
def test_an_object_is_whole_or_none(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    data = elf(bits, machine=MACHINES[ABIS[bits]])
    path.write_bytes(data)
    assert is_whole_object(path, ABIS[bits])
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        assert not is_whole_object(path, ABIS[bits]), cut


@pytest.mark.parametrize("abi", Abi)
@pytest.mark.parametrize("bits", HEADERS)
def test_an_object_of_another_machine_is_none(bits: int, abi: Abi, tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    fits = []
    for machine in MACHINES.values():
        path.write_bytes(elf(bits, machine=machine))
        if is_whole_object(path, abi):
            fits.append(machine)
    assert fits == ([MACHINES[abi]] if abi_facts(abi).bits == bits else [])


@pytest.mark.parametrize("data", [elf(64, kind=3), elf(64, sections=0), b"\x7fELF\x09" + bytes(80)])
def test_what_is_no_object_is_none(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.o"
    path.write_bytes(data)
    assert not is_whole_object(path, Abi.X86_64)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "a.o"
    path.write_bytes(data)
    is_whole_object(path, Abi.X86_64)
