"""Packs of objects: written on one machine, taken on another, and refused where they differ."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import validate
from tests.e2e.real import Runtime, Tool
from tests.native.mini_torch.conftest import NewWorkshop
from tests.native.mini_torch.workshop import Workshop

OUTSIDE = 3
"""Objects of the runtime's own project, which no pack has."""


@pytest.fixture(scope="session")
def pack(used: Workshop, first: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pack of what the first runtime took."""
    del first
    path = tmp_path_factory.mktemp("packs") / "objects.pack"
    words = (*used.words(*used.first), "-o", path, "--json")
    document = used.tool.run("cache", "export", *words, cwd=used.folder).document
    validate("pack", document)
    assert document["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def take(tool: Tool, pack: Path, folder: Path, *words: object, expect: int = 0) -> str:
    done = tool.run("cache", "import", pack, *words, cwd=folder, expect=expect)
    return done.stderr if expect else done.stdout


def test_a_machine_with_a_pack_compiles_nothing_of_it(
    pack: Path, workshop: Workshop, first: Runtime
) -> None:
    digest = hashlib.sha256(pack.read_bytes()).hexdigest()
    assert digest in take(workshop.tool, pack, workshop.folder, "--sha256", digest)
    made = workshop.build(*workshop.first)
    assert made.summary["objects"]["compiled"] == OUTSIDE
    assert made.summary["objects"]["packed"] == len(workshop.compiled()) - headers(workshop) > 10
    assert made.archive.read_bytes() == first.archive.read_bytes(), "the manifest too"
    more = workshop.build(*workshop.second)
    assert more.summary["objects"]["compiled"] > OUTSIDE, "with headers that are made now"
    assert more.summary["objects"]["packed"] == 0


def headers(workshop: Workshop) -> int:
    return sum("precompiled" in it.parts for it in workshop.compiled())


def test_equal_objects_make_equal_packs(pack: Path, workshop: Workshop, tmp_path: Path) -> None:
    """Also in another folder, on another day, and of objects that were in a pack before."""
    take(workshop.tool, pack, workshop.folder)
    again = tmp_path / "again.pack"
    words = (*workshop.words(*workshop.first), "-o", again)
    workshop.tool.run("cache", "export", *words, cwd=workshop.folder)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(pack.read_bytes()).digest()


def test_a_pack_names_no_path_of_the_machine(pack: Path, used: Workshop) -> None:
    data = gzip.decompress(pack.read_bytes())
    for path in (used.tool.cache, used.tool.root, used.source, Path.home()):
        assert str(path).encode() not in data


def test_objects_of_a_changed_file_of_ours_are_compiled(
    pack: Path, new_workshop: NewWorkshop, tmp_path: Path
) -> None:
    workshop = new_workshop()
    root = tmp_path / "tool"
    shutil.copytree(workshop.tool.root, root)
    header = root / "native/include/build_runtime.h"
    header.write_text(header.read_text() + "// changed\n")
    take(workshop.tool, pack, workshop.folder)
    changed = Workshop(Tool(workshop.tool.cache, root), workshop.source, workshop.folder)
    made = changed.build(*changed.first)
    assert made.summary["objects"]["packed"] > 0
    assert made.summary["objects"]["compiled"] > OUTSIDE


def test_everything_is_what_compiling_would_make_now(
    new_workshop: NewWorkshop, tmp_path: Path
) -> None:
    """Also after the tool changed, and a build compiled some of what it changed."""
    workshop, path = new_workshop(), tmp_path / "objects.pack"
    root = tmp_path / "tool"
    shutil.copytree(workshop.tool.root, root)
    workshop.build(workshop.model("squares", ["aten::square"]))
    kernel = root / "native/src/kernels/gemm.cpp"
    kernel.write_text(kernel.read_text() + "// changed\n")
    changed = Workshop(Tool(workshop.tool.cache, root), workshop.source, workshop.folder)
    former = workshop.compiled()
    words = (*changed.words(*changed.second), "-o", path, "--everything")
    changed.tool.run("cache", "export", *words, cwd=changed.folder)
    old = {it for it, time in workshop.compiled().items() if former.get(it) == time}
    with tarfile.open(path) as pack:
        index = json.loads((pack.extractfile("index.json") or io.BytesIO()).read())
    packed = {
        workshop.tool.cache / "objects" / store["name"] / "build" / it["output"]
        for store in index["stores"]
        for it in store["objects"]
    }
    (stale,) = (it for it in old if it.name == "gemm.cpp.o")
    assert stale not in packed
    assert packed & old, "what did not change"


def rewritten(pack: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """Return a pack whose members are changed; the index begins it."""
    out = io.BytesIO()
    with (
        tarfile.open(pack) as old,
        gzip.GzipFile(fileobj=out, mode="wb") as packed,
        tarfile.open(fileobj=packed, mode="w") as new,
    ):
        for member in old:
            content = old.extractfile(member)
            assert content
            name, data = change(member.name, content.read())
            made = tarfile.TarInfo(name)
            made.size = len(data)
            new.addfile(made, io.BytesIO(data))
    return out.getvalue()


def of_another_compiler(name: str, data: bytes) -> tuple[str, bytes]:
    if name != "index.json":
        return name.replace("linux-", "else-"), data
    index = json.loads(data)
    for store in index["stores"]:
        store["name"] = store["name"].replace("linux-", "else-")
        store["made"]["compiler"] = "zig 0.16.0 (clang 20.0.0)"
    return name, json.dumps(index).encode()


def test_a_build_takes_the_pack_that_is_configured_or_says_what_differs(
    pack: Path, workshop: Workshop, first: Runtime, tmp_path: Path
) -> None:
    other = tmp_path / "other.pack"
    other.write_bytes(rewritten(pack, of_another_compiler))
    words = (*workshop.words(*workshop.first), "-o", "refused", "--pack", other)
    refused = workshop.tool.run(*words, cwd=workshop.folder, expect=2).stderr
    assert (
        "no objects for linux-x86_64\n    compiler: zig 0.16.0 (clang 20.0.0), here zig" in refused
    )
    made = workshop.build(*workshop.first, "--pack", pack)
    assert made.summary["objects"]["packed"] > 10
    assert made.archive.read_bytes() == first.archive.read_bytes()


def test_a_pack_for_one_of_several_targets_is_refused_before_any_is_compiled(
    pack: Path, workshop: Workshop
) -> None:
    words = (*workshop.words(*workshop.first, abi="x86_64,arm64-v8a"), "--pack", pack)
    refused = workshop.tool.run(*words, "-o", "refused", cwd=workshop.folder, expect=2).stderr
    assert "no objects for linux-arm64-v8a\n" in refused
    assert refused.count("checking") <= 1
    assert not workshop.compiled()


def test_an_export_takes_the_pack_that_is_configured(
    pack: Path, workshop: Workshop, tmp_path: Path
) -> None:
    words = (*workshop.words(*workshop.first), "-o", tmp_path / "again.pack", "--pack")
    other = tmp_path / "other.pack"
    other.write_bytes(rewritten(pack, of_another_compiler))
    run = workshop.tool.run
    refused = run("cache", "export", *words, other, cwd=workshop.folder, expect=2).stderr
    assert "no objects for linux-x86_64\n    compiler: zig 0.16.0" in refused
    run("cache", "export", *words, pack, cwd=workshop.folder)
    assert (tmp_path / "again.pack").read_bytes() == pack.read_bytes()
