"""The zip reader takes what torch and common tools write, and no damage or trick."""

import struct
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from tests.unit.models import forge

PATH = Path("net.ptl")
GOOD = forge.archive(forge.lite(), deflated={"code/__torch__.py"})


def content(data: bytes) -> dict[str, bytes]:
    """Read everything an archive holds."""
    archive = Archive(PATH, BytesIO(data))
    return {name: archive.read(name, limit=1 << 20) for name in archive.records}


def zipped(records: dict[str, bytes], **options: int) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as stream:  # type: ignore[call-overload]
        for name, data in records.items():
            stream.writestr(name, data)
    return buffer.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        content(data)
    return str(caught.value)


def test_reads_what_torch_writes() -> None:
    assert content(GOOD) == forge.lite()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_reads_a_repacked_archive(method: int) -> None:
    records = {f"net/{name}": data for name, data in forge.lite().items()}
    assert content(zipped(records, compression=method)) == forge.lite()


def test_reads_an_archive_python_appended_to() -> None:
    buffer = BytesIO(GOOD)
    with zipfile.ZipFile(buffer, "a") as stream:
        stream.writestr("net/extra/notes.txt", "by hand")
    assert content(buffer.getvalue())["extra/notes.txt"] == b"by hand"


def test_reads_an_archive_python_copied_record_by_record() -> None:
    """The shipped classifier is such a copy: torch's bare entries with attributes added."""
    copy = BytesIO()
    with zipfile.ZipFile(BytesIO(GOOD)) as origin, zipfile.ZipFile(copy, "w") as stream:
        for member in origin.infolist():
            stream.writestr(member, origin.read(member))
    assert content(copy.getvalue()) == forge.lite()


def test_an_archive_without_one_folder_keeps_full_names() -> None:
    assert set(content(zipped({"a/one": b"1", "b/two": b"2"}))) == {"a/one", "b/two"}


def test_an_absent_record_and_a_long_one_are_refused() -> None:
    archive = Archive(PATH, BytesIO(GOOD))
    with pytest.raises(MalformedError, match="no record"):
        archive.read("nothing", limit=9)
    with pytest.raises(MalformedError, match="the limit is 9"):
        archive.read("data/0", limit=9)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a//b",
        "./a",
        "a\\b",
        "C:/a",
        "a\n",
        "\x1b[31m",
        "x" * 600,
    ],
)
def test_names_that_lead_astray_are_refused(name: str) -> None:
    assert "forbidden name" in refused(forge.archive({name: b""}, folder=""))


def test_the_message_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in refused(forge.archive({"\x1b[31m": b""}, folder=""))


def test_two_records_of_one_name_are_refused() -> None:
    data = forge.archive({"a": b"1", "b": b"2"}).replace(b"net/b", b"net/a")
    assert "two records are named" in refused(data)


def test_an_encrypted_record_is_refused() -> None:
    data = forge.archive({"a": b"1"}).replace(
        struct.pack("<2H", 0, 0x0808), struct.pack("<2H", 0, 0x0809)
    )
    assert "encrypted" in refused(data)


def test_overlapping_records_are_refused() -> None:
    """Every entry of the directory points at one body: the classic way to a zip bomb."""
    first, second = forge.archive({"a": b"1"}), forge.archive({"a": b"1", "b": b"1"})
    offset = struct.pack("<I", len(first) - len(first[first.index(b"PK\1\2") :]))
    assert second.count(offset + b"net/b") == 1
    assert "overlaps" in refused(second.replace(offset + b"net/b", struct.pack("<I", 0) + b"net/b"))


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    data = forge.archive({"a": b"1" * 5000}, deflated={"a"})
    promised = struct.pack("<I", 5000)
    assert "expand to more than" in refused(data.replace(promised, struct.pack("<I", 1 << 29)))


@pytest.mark.parametrize("size", [4999, 5001])
def test_a_record_that_inflates_to_another_size_is_refused(size: int) -> None:
    data = forge.archive({"a": b"1" * 5000}, deflated={"a"})
    assert "damaged" in refused(data.replace(struct.pack("<I", 5000), struct.pack("<I", size)))


def test_other_compression_is_refused() -> None:
    assert "method 12" in refused(zipped({"net/a": b"1"}, compression=zipfile.ZIP_BZIP2))


def test_stray_bytes_are_refused() -> None:
    assert "bytes follow its end" in refused(GOOD + b"\0")
    assert "not where" in refused(b"\0" + GOOD)


@pytest.mark.parametrize("count", [0, 200_000])
def test_a_record_count_that_lies_is_refused(count: int) -> None:
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, 46, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 46, 1)
    assert refused(bytes(46) + wide + locator + end)


@given(st.integers(0, len(GOOD) - 1))
def test_every_cut_is_refused(length: int) -> None:
    refused(GOOD[:length])


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_every_flipped_bit_is_refused_or_without_effect(position: int) -> None:
    """Deflate has bits no reader looks at; whatever else flips must be seen."""
    damaged = bytearray(GOOD)
    damaged[position // 8] ^= 1 << position % 8
    try:
        assert content(bytes(damaged)) == forge.lite()
    except MalformedError:
        return
    start = GOOD.index(b"code/__torch__.py")
    assert start < position // 8 < GOOD.index(b"PK\7\x08", start)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    refused(b"PK\3\4" + noise)


@given(st.binary(min_size=1, max_size=60), st.integers(0, len(GOOD)))
def test_overwritten_stretches_never_escape(noise: bytes, place: int) -> None:
    data = GOOD[:place] + noise + GOOD[place + len(noise) :]
    with suppress(MalformedError):
        assert content(data) == forge.lite()
