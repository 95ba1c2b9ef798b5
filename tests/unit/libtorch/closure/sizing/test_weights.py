import struct
from pathlib import Path

import pytest

from builder.libtorch.closure.sizing.weights import NOTHING, Weight, total, weigh
from builder.vocabulary.errors import CompileError
from tests.unit.libtorch.closure.forge import ALLOC, Section, Symbol, make_object

WRITABLE = ALLOC | 1
TEXTS = 0x32
FRAMES = struct.pack("<II4x", 8, 0) + struct.pack("<IIi4x", 12, 20, 0) + struct.pack("<I", 0)


def test_sections_weigh_what_they_hold_and_what_describes_them() -> None:
    data = make_object(
        (
            Section(".text.f", 16, relocations=((0, "[.rodata.str1.1]"),)),
            Section(".data.rel.ro", 24, flags=WRITABLE, relocations=((0, "f"), (8, "f"))),
            Section(".rodata.str1.1", 8, flags=TEXTS, content=b"one\0two\0", entry=1),
            Section(".bss", 64, kind=8, flags=WRITABLE),
            Section(".eh_frame", flags=ALLOC, content=FRAMES, relocations=((20, "[.text.f]"),)),
        ),
        (Symbol("f", ".text.f"),),
    )
    found = weigh(Path("f.o"), data)
    assert found.weights == {
        1: Weight(16, 16 + 8, 0),
        2: Weight(24, 0, 2),
        3: NOTHING,  # counted one by one, by those who refer to them
        4: NOTHING,
    }
    assert found.constants[1] == {b"one\0"}


def test_a_frame_is_that_of_the_function_whatever_it_is_named_by() -> None:
    frames = Section(".eh_frame", flags=ALLOC, content=FRAMES, relocations=((20, "f"),))
    data = make_object((Section(".text.f", 16), frames), (Symbol("f", ".text.f"),))
    assert weigh(Path("f.o"), data).weights[1].frames == 24


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(CompileError):
        weigh(Path("f.o"), b"no object")


def test_weights_add_up() -> None:
    one = Weight(100, 20, 3)
    assert one + one - one == one
    assert total([one, one]) == Weight(200, 40, 6)
    assert total([]) == NOTHING
    assert one.part(2) == Weight(50, 10, 1)
    assert one.size(24) == 192
    assert one.size(0.5) == 122
