"""Pickles with members of enumerations: each becomes what it is worth, and all else stays."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.members import without_members
from builder.models.formats.pickles import read_pickle
from tests.unit.models import forge

WORTHS = st.sampled_from(["NCHW", "NHWC", 3, 1000, 2.5])
PARTS = st.lists(
    st.tuples(st.sampled_from(["member", "again", "plain", "tuple", "device"]), WORTHS), max_size=12
)
MOST_OF_A_BYTE = 255


class Writer:
    """Writes pickles as torch does: what comes again is recalled by its number."""

    def __init__(self, *, members: bool) -> None:
        self._members = members
        self._numbers: dict[object, int] = {}

    def _once(self, key: object, raw: bytes) -> bytes:
        number = self._numbers.get(key)
        if number is not None:
            return struct.pack("<cB", b"h", number)
        number = self._numbers[key] = len(self._numbers)
        return raw + struct.pack("<cB", b"q", number)

    def plain(self, worth: object) -> bytes:
        if isinstance(worth, int) and worth > MOST_OF_A_BYTE:
            return struct.pack("<cH", b"M", worth)
        raw = forge.encoded(worth)
        return self._once(worth, raw) if isinstance(worth, str) else raw

    def member(self, worth: object) -> bytes:
        if not self._members:
            return self.plain(worth)
        class_ = self._once("class", forge.name("__torch__.layers", "Format"))
        return class_ + self.plain(worth) + b"R"

    def part(self, kind: str, worth: object) -> forge.Raw:
        match kind:
            case "member":
                return forge.Raw(self.member(worth))
            case "again":  # a member that several attributes have
                key = ("member", worth)
                return forge.Raw(
                    self._once(key, b"" if key in self._numbers else self.member(worth))
                )
            case "tuple":
                return forge.Raw(forge.encoded((forge.Raw(self.member(worth)), 1)))
            case "device":
                return forge.Raw(forge.name("torch", "device") + self.plain("cpu") + b"\x85R")
            case _:
                return forge.Raw(self.plain(worth))


def written(parts: list[tuple[str, object]], *, members: bool) -> bytes:
    writer = Writer(members=members)
    values = [writer.part(kind, worth) for kind, worth in parts]
    return forge.pickled({str(number): it for number, it in enumerate(values)})


@given(PARTS)
def test_a_member_becomes_what_it_is_worth(parts: list[tuple[str, object]]) -> None:
    made = without_members(written(parts, members=True))
    assert made == written(parts, members=False)
    read_pickle(made)


@given(PARTS)
def test_what_has_no_members_keeps_its_bytes(parts: list[tuple[str, object]]) -> None:
    pickle = written(parts, members=False)
    assert without_members(pickle) is pickle
