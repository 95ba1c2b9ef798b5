import json
import os
import re
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import cast

import pytest

from builder.artifact.staging import ImageFiles, JavaFiles
from builder.artifact.supply.provenance import statement_place
from builder.commands.results import answer
from builder.compilation.dependence import Candidates
from builder.compilation.output import BuildOutput
from builder.compilation.store import ObjectStore
from builder.foundation.files import locked, sha256_file
from builder.foundation.process import Host
from builder.foundation.resources import LICENCE
from builder.libtorch.candidates import INCLUDES
from builder.libtorch.catalogue import make_catalogue
from builder.libtorch.symbols import Prediction, SymbolIndex
from builder.pipeline.packing.contents import facts_of
from builder.pipeline.packing.kinds import LOCK, PACKERS, pack
from builder.pipeline.planning import Planned
from builder.pipeline.proving import Proven
from builder.pipeline.request import Request
from builder.pipeline.results import recall, remember
from builder.source.request import SourceRequest
from builder.toolchains.zig import ZIG
from builder.vocabulary.models import InputSpec
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import Kernels, LinkLine
from builder.vocabulary.targets import Abi, ArchiveKind, Platform, Target, make_target
from tests.docs.pages import LEFT_OUT, block
from tests.documents import validate
from tests.unit.artifact.facts import CHECKS, ELF, FLAGS, make_model, make_plan

ABIS = (Abi.ARM64_V8A, Abi.ARMEABI_V7A)


def make_proven(root: Path, target: Target) -> Proven:
    """Return what a build of a small recorded library would have come to."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "program").write_bytes(b"the program")
    (root / "program").chmod(0o755)
    for component in ("pytorch", "cpuinfo"):
        (root / component).mkdir(exist_ok=True)
        (root / component / "LICENSE").write_text(f"the licence of {component}\n")
    plan = replace(make_plan(root, target=target), selection=Selection(()))
    folder = ELF / target.abi
    output = BuildOutput(
        directory=root, library=folder / "tiny.so", symbols=folder / "tiny.so",
        link_map=folder / "tiny.map", program=root / "program", benchmark=root / "program",
        objects=1, compiled=1, reused=0, rounds=1, sources={}, linked=frozenset(), flags=FLAGS,
        link_line=LinkLine((), ()),
        seconds=1.0, log=root / "log",
    )  # fmt: skip
    planned = Planned(
        plan, ZIG, make_catalogue([]),
        Candidates((), dict.fromkeys((name for name, _ in INCLUDES), root)),
        ObjectStore((), {}), cast("SymbolIndex", None), Prediction((), {}, frozenset()), (),
        lambda _: None,
    )  # fmt: skip
    return Proven(planned, (make_model(root),), output, CHECKS)


def request(root: Path, *, bundle_models: bool = False, version: str = "1.2.0") -> Request:
    return Request(
        models=(root / "net.pt",), source=SourceRequest(), inputs=(InputSpec(),), verify=True,
        require_run=False, output=root / "dist", bundle_models=bundle_models,
        maven_version=version,
    )  # fmt: skip


def android(root: Path) -> list[Proven]:
    return [make_proven(root, make_target(Platform.ANDROID, abi)) for abi in ABIS]


def test_every_kind_of_archive_can_be_packed() -> None:
    assert PACKERS.keys() == set(ArchiveKind)


def test_one_aar_has_all_abis_and_the_rest_lies_beside(tmp_path: Path) -> None:
    built = pack(android(tmp_path), request(tmp_path))
    dist = tmp_path / "dist"
    assert sorted(it.name for it in dist.iterdir()) == [
        LOCK, "android24", "build-runtime-android24.aar",
        "build-runtime-android24.aar.provenance.json", "maven", "models",
        "native-debug-symbols.zip", "tools",
    ]  # fmt: skip
    for abi in ABIS:
        tool = dist / "tools" / abi / "speed_benchmark_torch"
        assert tool.read_bytes() == b"the program"
        assert tool.stat().st_mode & 0o100
        library = (dist / "tools" / abi / "libbuild_runtime.so").read_bytes()
        assert library == (ELF / abi / "tiny.so").read_bytes(), "what it is linked with"
    assert built.archive == dist / "build-runtime-android24.aar"
    assert (dist / "models/net.ptl").read_bytes() == b"lite"
    published = (
        dist / "maven/local/build-runtime/pytorch_android_lite/1.2.0/pytorch_android_lite-1.2.0.aar"
    )
    assert published.read_bytes() == built.archive.read_bytes()
    with zipfile.ZipFile(built.archive) as archive:
        assert not [it for it in archive.namelist() if it.endswith(".ptl")]
        for name in archive.namelist():
            assert (dist / "android24" / name).read_bytes() == archive.read(name)
    assert (dist / "android24/META-INF/build_runtime/bin/arm64-v8a/build-runtime-run").stat(
    ).st_mode & 0o100  # fmt: skip
    told = answer([built])
    validate("build", {"version": 1, **told.document})
    assert [it["target"] for it in told.document["targets"]] == [
        "android24-arm64-v8a", "android24-armeabi-v7a",
    ]  # fmt: skip
    (package,) = told.document["packages"]
    assert package["coordinates"] == "local.build-runtime:pytorch_android_lite:1.2.0"


def test_classes_bring_documents_and_stand_for_those_of_pytorch(tmp_path: Path) -> None:
    documents = (("sources", b"a jar"),)
    java = JavaFiles(b"classes", tmp_path / "program", 17, documents)
    batch = [replace(it, java=java) for it in android(tmp_path)]
    pack(batch, request(tmp_path))
    folder = tmp_path / "dist/maven/local/build-runtime/pytorch_android_lite/1.2.0"
    assert (folder / "pytorch_android_lite-1.2.0-sources.jar").read_bytes() == b"a jar"
    module = json.loads((folder / "pytorch_android_lite-1.2.0.module").read_text())
    names = [f"{it['group']}:{it['name']}" for it in module["variants"][0]["capabilities"]]
    assert names == [
        "local.build-runtime:pytorch_android_lite",
        "org.pytorch:pytorch_android",
        "org.pytorch:pytorch_android_lite",
    ]


def test_classes_for_images_are_a_module_of_their_own(tmp_path: Path) -> None:
    images = ImageFiles(b"more classes", ELF / "arm64-v8a" / "tiny.so", (("sources", b"a jar"),))
    java = JavaFiles(b"classes", tmp_path / "program", 17, (), images)
    built = pack([replace(it, java=java) for it in android(tmp_path)], request(tmp_path))
    archive = tmp_path / "dist/build-runtime-torchvision-android24.aar"
    stem = "pytorch_android_torchvision_lite"
    folder = tmp_path / f"dist/maven/local/build-runtime/{stem}/1.2.0"
    assert (folder / f"{stem}-1.2.0.aar").read_bytes() == archive.read_bytes()
    assert {archive, folder / f"{stem}-1.2.0-sources.jar"} < set(built.beside)
    with zipfile.ZipFile(archive) as aar:
        licence = aar.read("META-INF/build_runtime/licenses/build-runtime/LICENSE")
    assert licence == LICENCE.read_bytes()
    statement = json.loads(statement_place(archive).read_text())
    assert statement_place(archive) in built.beside
    assert statement["subject"] == [
        {"name": archive.name, "digest": {"sha256": sha256_file(archive)}}
    ]
    for variant in json.loads((folder / f"{stem}-1.2.0.module").read_text())["variants"][:2]:
        assert variant["dependencies"] == [{
            "group": "local.build-runtime", "module": "pytorch_android_lite",
            "version": {"requires": "1.2.0"},
        }]  # fmt: skip
        assert [f"{it['group']}:{it['name']}" for it in variant["capabilities"]] == [
            f"local.build-runtime:{stem}", "org.pytorch:pytorch_android_torchvision",
            f"org.pytorch:{stem}",
        ]  # fmt: skip
    assert "Makes tensors of bitmaps" in (folder / f"{stem}-1.2.0.pom").read_text()
    assert answer([built]).text.splitlines()[-1] == (
        f'  dependencies {{ implementation("local.build-runtime:{stem}:1.2.0") }}'
        "  // the same, with TensorImageUtils"
    )


def test_classes_for_images_go_with_the_classes_they_need(tmp_path: Path) -> None:
    """A version that is built anew without Java has nothing that needs it; other versions stay."""
    images = ImageFiles(b"more classes", ELF / "arm64-v8a" / "tiny.so", (("sources", b"a jar"),))
    java = JavaFiles(b"classes", tmp_path / "program", 17, (), images)
    without = android(tmp_path)
    dist = tmp_path / "dist"
    folder = dist / "maven/local/build-runtime/pytorch_android_torchvision_lite"
    for version in ("1.0", "1.1"):
        pack([replace(it, java=java) for it in without], request(tmp_path, version=version))
    pack(without, request(tmp_path, version="1.1"))
    assert {it.name for it in folder.iterdir() if it.is_dir()} == {"1.0"}
    listed = folder / "maven-metadata.xml"
    assert "1.1" not in listed.read_text()
    assert "<release>1.0</release>" in listed.read_text()
    noted = listed.with_name("maven-metadata.xml.sha256").read_text()
    assert noted == sha256_file(listed)
    assert not list(dist.glob("*torchvision*"))
    pack(without, request(tmp_path, version="1.0"))
    assert not folder.exists()


def test_another_library_of_that_name_stays(tmp_path: Path) -> None:
    """Such as a runtime that is called so."""
    batch = android(tmp_path)
    name = "pytorch_android_torchvision_lite"
    pack(batch, replace(request(tmp_path), maven_artifact=name))
    pack(batch, request(tmp_path))
    stem = tmp_path / f"dist/maven/local/build-runtime/{name}/1.2.0/{name}-1.2.0"
    assert stem.with_name(f"{stem.name}.aar").is_file()


def test_the_summary_ends_with_what_to_paste_and_what_a_device_downloads(tmp_path: Path) -> None:
    lines = answer([pack(android(tmp_path), request(tmp_path))]).text.splitlines()
    assert lines[-1] == (
        '  dependencies { implementation("local.build-runtime:pytorch_android_lite:1.2.0") }'
    )
    assert lines[-3] == f'  repositories {{ maven {{ url = uri("{tmp_path}/dist/maven") }} }}'
    assert lines[-6].startswith("a device downloads one library: arm64-v8a 1,")
    assert "armeabi-v7a " in lines[-6]


def test_what_the_page_shows_is_what_is_printed(tmp_path: Path) -> None:
    """With classes, as builds for Android have them unless they are told otherwise."""
    images = ImageFiles(b"more classes", ELF / "arm64-v8a" / "tiny.so")
    java = JavaFiles(b"classes", tmp_path / "program", 17, (), images)
    shown = block("$ build-runtime model.pt --abi arm64-v8a,armeabi-v7a --platform android")
    ((_, lines),) = shown.steps
    batch = [replace(it, java=java) for it in android(tmp_path)]
    told = answer([pack(batch, request(tmp_path))]).text.splitlines()
    expected = [it.replace(str(tmp_path), "/home/me/app") for it in told]
    assert lines[0] == LEFT_OUT
    assert list(lines[1:]) == expected[1 - len(lines) :]


def test_models_that_are_bundled_do_not_lie_beside(tmp_path: Path) -> None:
    built = pack(android(tmp_path), request(tmp_path, bundle_models=True))
    assert not (tmp_path / "dist/models").exists()
    with zipfile.ZipFile(built.archive) as archive:
        assert archive.read("assets/net.ptl") == b"lite"


def test_another_version_in_the_folder_is_kept(tmp_path: Path) -> None:
    for version in ("1.0", "1.1"):
        pack(android(tmp_path), request(tmp_path, version=version))
    folder = tmp_path / "dist/maven/local/build-runtime/pytorch_android_lite"
    assert {it.name for it in folder.iterdir() if it.is_dir()} == {"1.0", "1.1"}
    listed = (folder / "maven-metadata.xml").read_text()
    assert "<version>1.0</version>" in listed
    assert "<release>1.1</release>" in listed


def test_who_packs_into_the_same_folder_waits_and_says_for_whom(tmp_path: Path) -> None:
    """Else one publishes what the other wrote, or loses its line in the list of versions."""
    told: Queue[str] = Queue()
    batch, wish = android(tmp_path), request(tmp_path)
    waiting = Thread(target=pack, args=(batch, wish, told.put), daemon=True)
    with locked(tmp_path / "dist" / LOCK, doing="packing into dist"):
        waiting.start()
        holder = told.get(timeout=60)
        assert not (tmp_path / "dist/build-runtime-android24.aar").exists()
    waiting.join(timeout=60)
    assert re.fullmatch(rf"process {os.getpid()}, since [\d:]+: packing into dist", holder)
    assert (tmp_path / "dist/build-runtime-android24.aar").is_file()


def test_an_archive_of_one_target_has_its_folder(tmp_path: Path) -> None:
    proven = make_proven(tmp_path, make_target(Platform.LINUX, Abi.ARM64_V8A))
    built = pack([proven], request(tmp_path))
    assert built.archive.name == "build-runtime-linux-arm64-v8a.tar.gz"
    with tarfile.open(built.archive) as archive:
        files = {it.name for it in archive}
    assert files == {
        it.relative_to(built.prefix).as_posix() for it in built.prefix.rglob("*") if it.is_file()
    }
    told = answer([built])
    validate("build", {"version": 1, **told.document})
    assert told.document["packages"] == []


def test_an_equal_request_is_answered_by_what_it_wrote(tmp_path: Path, host: Host) -> None:
    targets = [make_target(Platform.ANDROID, abi) for abi in ABIS]
    built = pack(android(tmp_path), request(tmp_path))
    names = ["one", "two"]
    assert recall(names, targets, host) is None
    remember(names, built, host)
    again = recall(names, targets, host)
    assert again is not None
    assert again.reused
    assert (again.archive, again.prefix, again.beside) == (
        built.archive,
        built.prefix,
        built.beside,
    )
    assert again.package == built.package
    assert json.dumps([it.summary["target"] for it in again.targets]) == json.dumps(
        [str(it) for it in targets]
    )
    assert recall(names[:1], targets[:1], host) is None, "another batch is another archive"
    built.beside[0].write_bytes(b"changed")
    assert recall(names, targets, host) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', '{"files": 7}'])
def test_a_damaged_memory_says_nothing(text: str, host: Host) -> None:
    place = host.cache / "results" / "one.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    assert recall(["one"], [make_target(Platform.LINUX, Abi.X86)], host) is None


def test_reports_tell_what_can_differ_between_builds(tmp_path: Path) -> None:
    plan = replace(make_plan(tmp_path), kernels=Kernels.ATEN)
    facts = {it.name: it.value for it in facts_of(plan)}
    assert facts["dtypes"] == "Float, Long"
    assert facts["kernels"] == "aten"
    assert "optimize" not in facts, "no plan knows what was asked for"
