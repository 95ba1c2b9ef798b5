import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.compilation.shared.packs.index import Index, Made, PackedObject, PackedStore
from builder.compilation.shared.packs.offers import find_offers, folder_of
from builder.compilation.shared.packs.reading import import_pack, object_member
from builder.compilation.shared.packs.writing import write_pack
from builder.foundation import files
from builder.vocabulary.errors import CompileError, UsageError

STORE = "linux-x86_64-abc"
MADE = Made("linux-x86_64", "PyTorch", "zig", (), ("CPU",))
DATA = {"CMakeFiles/a.dir/a.cpp.o": b"one", "CMakeFiles/a.dir/b.cpp.o": b"another"}
COMMANDS = tuple((f"tools/cxx {it}", it) for it in DATA)


def packed(build: Path) -> Index:
    """Lay out the objects and a header in a folder; return their index."""
    header = build / "include/a.h"
    header.parent.mkdir(parents=True)
    header.write_bytes(b"#pragma once")
    inputs = {"include/a.h": hashlib.sha256(b"#pragma once").hexdigest()}
    objects = []
    for command, output in COMMANDS:
        path = build / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA[output])
        digest = hashlib.sha256(DATA[output]).hexdigest()
        objects.append(PackedObject(output, digest, len(DATA[output]), command, inputs))
    return Index("0.1.0", (PackedStore(STORE, MADE, tuple(objects)),))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    build, path = tmp_path / "build", tmp_path / "objects.pack"
    write_pack(path, packed(build), {STORE: build})
    return path


Member = tuple[tarfile.TarInfo, bytes]


def rewrite(pack: Path, change: Callable[[list[Member]], Iterable[Member]]) -> None:
    with tarfile.open(pack) as old:
        members = [(it, (old.extractfile(it) or io.BytesIO()).read()) for it in old]
    with tarfile.open(pack, "w:gz") as new:
        for member, data in change(members):
            new.addfile(member, io.BytesIO(data))


def test_a_pack_is_the_same_whenever_it_is_written(pack: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_pack(again / "x.pack", packed(again / "build"), {STORE: again / "build"})
    assert (again / "x.pack").read_bytes() == pack.read_bytes()


@pytest.mark.parametrize("data", [b"two", b"longer", b"o", None])
def test_an_object_that_changed_since_is_not_packed(data: bytes | None, tmp_path: Path) -> None:
    build, path = tmp_path / "build", tmp_path / "objects.pack"
    index = packed(build)
    changed = build / next(iter(DATA))
    changed.unlink()
    if data is not None:
        changed.write_bytes(data)
    with pytest.raises(CompileError, match=r"a\.cpp\.o changed while it was packed"):
        write_pack(path, index, {STORE: build})
    assert not path.exists()


def test_what_is_imported_is_offered_where_it_fits(pack: Path, tmp_path: Path) -> None:
    cache, build = tmp_path / "cache", tmp_path / "build"
    assert import_pack(pack, cache, None).stores[0].name == STORE
    folder = folder_of(cache, STORE)

    def offered(commands: Iterable[tuple[str, str]] = COMMANDS) -> list[str]:
        return [it.packed.output for it in find_offers(folder, DATA, build, commands)]

    assert offered() == [*DATA]
    assert find_offers(folder, ["other.o"], build, COMMANDS) == ()
    assert offered([(COMMANDS[0][0] + " -O3", COMMANDS[0][1]), COMMANDS[1]]) == [[*DATA][1]]
    (damaged,) = folder.glob("*/CMakeFiles/a.dir/a.cpp.o")
    damaged.write_bytes(b"two")
    assert offered() == [[*DATA][1]]
    (build / "include/a.h").write_bytes(b"changed")
    assert offered() == []
    (index,) = folder.glob("*/index.json")
    index.write_text("{")
    assert offered() == []


def test_dependencies_are_told_as_compilers_do(pack: Path, tmp_path: Path) -> None:
    import_pack(pack, tmp_path / "cache", None)
    offers = find_offers(folder_of(tmp_path / "cache", STORE), DATA, tmp_path / "build", COMMANDS)
    assert offers[0].dependencies == "CMakeFiles/a.dir/a.cpp.o: include/a.h\n"


def test_a_pack_may_be_imported_again(pack: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(pack.read_bytes()).hexdigest()
    for _ in range(2):
        import_pack(pack, tmp_path / "cache", digest)
    (folder,) = (it for it in folder_of(tmp_path / "cache", STORE).iterdir() if it.is_dir())
    kept, lost = (folder / it for it in DATA)
    number = kept.stat().st_ino
    import_pack(pack, tmp_path / "cache", digest)
    assert kept.stat().st_ino == number, "what is whole is left alone"
    lost.unlink()
    import_pack(pack, tmp_path / "cache", digest)
    assert lost.read_bytes() == DATA[[*DATA][1]]


def test_imports_of_one_store_wait_for_each_other(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_POLL", 0.01)
    folder = folder_of(tmp_path / "cache", STORE)
    with ThreadPoolExecutor(1) as pool:
        with files.locked(folder / "lock"):
            other = pool.submit(import_pack, pack, tmp_path / "cache", None)
            assert not wait([other], timeout=0.2).done
            assert not [*folder.glob("*/index.json")]
        assert other.result().stores[0].name == STORE
    assert [*folder.glob("*/index.json")]


def other_bytes(members: list[Member]) -> Iterable[Member]:
    return [*members[:2], (members[2][0], b"anothea")]


def other_size(members: list[Member]) -> Iterable[Member]:
    members[2][0].size = 3
    return [*members[:2], (members[2][0], b"ano")]


def renamed(members: list[Member]) -> Iterable[Member]:
    members[2][0].name = object_member(STORE, "../../../../evil.o")
    return members


def linked(members: list[Member]) -> Iterable[Member]:
    link = tarfile.TarInfo(members[1][0].name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [members[0], (link, b""), *members[2:]]


def more(members: list[Member]) -> Iterable[Member]:
    return [*members, (tarfile.TarInfo("more"), b"")]


def fewer(members: list[Member]) -> Iterable[Member]:
    return members[:-1]


def without_index(members: list[Member]) -> Iterable[Member]:
    return members[1:]


CHANGES = [other_bytes, other_size, renamed, linked, more, fewer, without_index]


@pytest.mark.parametrize("change", CHANGES, ids=lambda it: it.__name__)
def test_a_pack_that_is_not_as_its_index_says_leaves_nothing(
    change: Callable[[list[Member]], Iterable[Member]], pack: Path, tmp_path: Path
) -> None:
    rewrite(pack, change)
    with pytest.raises(UsageError, match="is no pack of objects"):
        import_pack(pack, tmp_path / "cache", None)
    kept = [it for it in folder_of(tmp_path / "cache", STORE).rglob("*") if it.is_file()]
    assert [it.name for it in kept] in ([], ["lock"])


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08\x04" + bytes(6), b"\x1f\x8b\x08", b"", bytes(600)])
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="is no pack of objects"):
        import_pack(path, tmp_path / "cache", None)


def header(kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo("index.json")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


SPARSE = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        *((header(kind, 1 << 17), "too large") for kind in (b"x", b"g", b"X", b"L", b"K")),
        (header(b"S", 512), "more than files"),
        (header(b"x", len(SPARSE)) + SPARSE.ljust(512, b"\0") + header(b"0", 9), "than files"),
        ((header(b"g", 1) + bytes(512)) * 2000, "is no pack"),
    ],
)
def test_a_header_that_takes_memory_without_bound_is_refused(
    data: bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pack"
    path.write_bytes(gzip.compress(data + bytes(1 << 18)))
    with pytest.raises(UsageError, match=told):
        import_pack(path, tmp_path / "cache", None)


def test_another_file_is_refused(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is another file"):
        import_pack(pack, tmp_path / "cache", "0" * 64)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_pack_is_refused_or_whole(
    data: st.DataObject, pack: Path, tmp_path: Path
) -> None:
    raw = bytearray(gzip.decompress(pack.read_bytes()))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    damaged = tmp_path / "damaged.pack"
    damaged.write_bytes(gzip.compress(bytes(raw[: data.draw(st.integers(0, len(raw)))]), 1))
    try:
        index = import_pack(damaged, tmp_path / "cache", None)
    except UsageError:
        return
    for it in index.stores[0].objects:
        (kept,) = folder_of(tmp_path / "cache", index.stores[0].name).glob(f"*/{it.output}")
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == it.sha256
