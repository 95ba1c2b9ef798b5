import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.artifact.android import unpacking as android_unpacking
from builder.artifact.android.images import package_images
from builder.artifact.maven.gradle import Extras
from builder.artifact.maven.repository import publish
from builder.artifact.opening import is_artifact, open_artifact, open_artifacts, unpacking
from builder.artifact.reading import changed_files
from builder.artifact.staging import ImageFiles, Part, Presence
from builder.artifact.tar import unpacking as module
from builder.foundation.coordinates import Coordinates
from builder.vocabulary.checks import Outcome
from builder.vocabulary.errors import UsageError
from builder.vocabulary.operators import OperatorName, OperatorUse
from builder.vocabulary.targets import Abi, Platform, Target
from tests.unit.artifact import forge_android
from tests.unit.artifact.forge import (
    CONTENT,
    LIBRARY,
    MANIFEST,
    PROGRAM,
    manifest,
    write_archive,
    write_folder,
)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_a_folder_and_an_archive_say_the_same(tmp_path: Path) -> None:
    folder, archive = write_folder(tmp_path / "folder"), write_archive(tmp_path / "a.tar.gz")
    with (
        open_artifact(folder, tmp_path / "s") as one,
        open_artifact(archive, tmp_path / "s") as two,
    ):
        assert one.holdings == two.holdings
        assert one.target == two.target == Target(Platform.LINUX, Abi.X86_64)
        assert one.selected == two.selected == {"aten::add.Tensor"}
        assert one.holdings.operators == (
            OperatorUse(OperatorName.parse("aten::add.Tensor"), 3),
            OperatorUse(OperatorName.parse("aten::format"), None),
        )
        assert one.holdings.dtypes == {"Float", "Long"}
        assert (one.root, two.root.parent) == (folder, tmp_path / "s")
        for path, data in CONTENT.items():
            assert (two.root / path).read_bytes() == data
        assert changed_files(one) == changed_files(two) == ()
    assert not list((tmp_path / "s").iterdir()), "nothing is left of the archive"


def test_programs_stay_programs(tmp_path: Path) -> None:
    extra = member("bin/other")
    extra.mode = 0o4777
    with open_artifact(write_archive(tmp_path / "a.tar.gz", [(extra, b"")]), tmp_path) as found:
        assert (found.root / "bin/other").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: (root / LIBRARY).write_bytes(b"The runtime"), "its content was changed"),
        (lambda root: (root / LIBRARY).write_bytes(b""), "has 0 bytes, 11 were written"),
        (lambda root: (root / LIBRARY).unlink(), "missing"),
    ],
)
def test_a_changed_library_is_noticed(
    change: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "x")
    change(root)
    with open_artifact(root, tmp_path) as found:
        assert changed_files(found) == (f"{LIBRARY}: {told}",)


@pytest.mark.parametrize("path", ["lib/libc.so.6", "bin/sub/tool"])
def test_a_library_nobody_built_is_noticed(path: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x")
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(b"")
    (root / "notes.txt").write_text("of the user")
    with open_artifact(root, tmp_path) as found:
        assert changed_files(found) == (f"{path}: is not part of the artifact",)


def test_a_library_the_manifest_forgets_is_no_proof(tmp_path: Path) -> None:
    document = manifest({path: data for path, data in CONTENT.items() if path != PROGRAM})
    with open_artifact(write_folder(tmp_path / "x", document), tmp_path) as found:
        assert f"{PROGRAM}: the manifest does not list it" in changed_files(found)


@pytest.mark.parametrize(
    "extra",
    [
        member("../outside"),
        member("/outside"),
        member("lib/../../outside"),
        member("lib/\x1b[2Joutside"),
        member("link", tarfile.SYMTYPE, "../outside"),
        member("link", tarfile.LNKTYPE, LIBRARY),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member(LIBRARY),
        member(f"{LIBRARY}/inside"),
        member("lib"),
    ],
    ids=lambda it: f"{it.name}-{it.type.decode()}",
)
def test_tricks_with_paths_are_refused(extra: tarfile.TarInfo, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    archive = write_archive(tmp_path / "a.tar.gz", [(extra, b"")])
    with (
        pytest.raises(UsageError, match=r"a\.tar\.gz is no artifact of build-runtime") as caught,
        open_artifact(archive, tmp_path / "s"),
    ):
        pass
    assert caught.value.hint
    assert (tmp_path / "outside").read_text() == "mine"
    assert not list((tmp_path / "s").iterdir())


def test_an_archive_that_holds_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGEST_CONTENT", 1000)
    archive = write_archive(tmp_path / "a.tar.gz")
    with pytest.raises(UsageError, match="holds too much"), open_artifact(archive, tmp_path):
        pass
    monkeypatch.setattr(module, "_LARGEST_CONTENT", 1_000_000)
    monkeypatch.setattr(module, "_MOST_MEMBERS", 3)
    with pytest.raises(UsageError, match="holds too much"), open_artifact(archive, tmp_path):
        pass


def claiming(size: int, kind: bytes) -> bytes:
    """Return a header that claims a size nothing follows."""
    claim = member("claim", kind)
    claim.size = size
    return claim.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_asking_for_an_artifact_costs_no_memory(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(claiming(30_000_000, kind) + bytes(30_010_240), 1))
    tracemalloc.start()
    assert not is_artifact(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
@pytest.mark.parametrize("size", [10**9, 10**15])
def test_claimed_sizes_cost_no_memory(kind: bytes, size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(claiming(size, kind) + bytes(10_000)))
    tracemalloc.start()
    with pytest.raises(UsageError, match="is no artifact"), open_artifact(path, tmp_path / "s"):
        pass
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_an_archive_that_is_cut_short_is_refused(cut: int, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar.gz")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UsageError, match="is no artifact"), open_artifact(path, tmp_path):
        pass


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive")
    with (
        pytest.raises(UsageError, match=r"notes\.txt is no artifact"),
        open_artifact(tmp_path / "notes.txt", tmp_path),
    ):
        pass
    with (
        pytest.raises(UsageError, match="no such artifact"),
        open_artifact(tmp_path / "x", tmp_path),
    ):
        pass
    with pytest.raises(UsageError, match=f"no {MANIFEST}"), open_artifact(tmp_path, tmp_path):
        pass


def without(*path: str) -> dict[str, Any]:
    document: dict[str, Any] = manifest()
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return document


def test_an_artifact_of_an_older_release_is_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", without("result", "holds"))
    with pytest.raises(UsageError, match="has no 'holds'") as caught, open_artifact(root, tmp_path):
        pass
    assert "build the artifact again" in caught.value.hint


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        "text",
        {"version": 3},
        {"version": None, "schema_version": 2},
        {**manifest(), "target": {"platform": "linux", "abi": "riscv", "api_level": None}},
        {**manifest(), "target": {**manifest()["target"], "api_level": "24"}},
        {**manifest(), "target": {**manifest()["target"], "api_level": -1}},
        {**manifest(), "operators": [{"name": "no operator"}]},
        {**manifest(), "models": [{"name": "x", "file": "../../etc/passwd"}]},
        {**manifest(), "models": 7},
        {**manifest(), "result": {**manifest()["result"], "files": [{"path": "/etc/passwd"}]}},
        {**manifest(), "result": {**manifest()["result"], "files": [None]}},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(document: object, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", document)
    with pytest.raises(UsageError, match=r"the manifest of .*x "), open_artifact(root, tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"schema_version": 1e999}'])
def test_a_damaged_manifest_is_refused(text: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x")
    (root / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match=r"the manifest of .*x "), open_artifact(root, tmp_path):
        pass


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda it: st.lists(it, max_size=2) | st.dictionaries(st.text(max_size=4), it, max_size=2),
    max_leaves=4,
)
PLACES: list[tuple[str, ...]] = [(name,) for name in manifest()]
PLACES += [("result", name) for name in manifest()["result"]]
PLACES += [("result", "holds", name) for name in manifest()["result"]["holds"]]


@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_in_any_place_is_read_or_refused(
    place: tuple[str, ...], value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = manifest()
    inner = document
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    root = write_folder(tmp_path_factory.getbasetemp() / "any", document)
    try:
        with open_artifact(root, root) as found:
            changed_files(found)
    except UsageError as error:
        assert "the manifest of" in error.message  # noqa: PT017  both ends are right


@given(at=st.integers(0, 400), byte=st.integers(1, 255))
def test_a_flipped_bit_is_an_error_or_noticed(
    at: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp()
    data = bytearray(write_archive(root / "flipped.tar.gz").read_bytes())
    data[at % len(data)] ^= byte
    (root / "flipped.tar.gz").write_bytes(data)
    try:
        with open_artifact(root / "flipped.tar.gz", root / "s") as found:
            json.dumps(changed_files(found))
    except UsageError as error:
        assert "flipped" in error.message  # noqa: PT017  both ends are right


def test_an_archive_may_have_folders(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(member("lib", tarfile.DIRTYPE))
        for name, data in {**CONTENT, MANIFEST: json.dumps(manifest()).encode()}.items():
            one = member(name)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    with open_artifact(path, tmp_path) as found:
        assert changed_files(found) == ()


def test_a_manifest_of_version_1_is_read(tmp_path: Path) -> None:
    """It called its version `schema_version`, and had a list of flags that was always empty."""
    document = manifest()
    del document["version"]
    document["schema_version"] = 1
    document["profile"]["flags"] = []
    with open_artifact(write_folder(tmp_path / "old", document), tmp_path / "scratch") as artifact:
        assert artifact.selected == {"aten::add.Tensor"}


@pytest.fixture(scope="module")
def aar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return forge_android.make_aar(tmp_path_factory.mktemp("aar"), with_models=True).archive


def unpacked(aar: Path, folder: Path) -> Path:
    with zipfile.ZipFile(aar) as archive:
        archive.extractall(folder)
    return folder


def test_an_aar_and_its_folder_say_the_same_of_each_abi(aar: Path, tmp_path: Path) -> None:
    folder = unpacked(aar, tmp_path / "folder")
    assert is_artifact(aar)
    assert is_artifact(folder)
    with (
        open_artifacts(aar, tmp_path / "s") as one,
        open_artifacts(folder, tmp_path / "s") as two,
    ):
        assert [it.target for it in one] == [it.target for it in two]
        assert [it.target.abi for it in one] == list(forge_android.ABIS)
        for packed, plain in zip(one, two, strict=True):
            assert packed.holdings == plain.holdings
            assert packed.abis == plain.abis == forge_android.ABIS
            assert changed_files(packed) == changed_files(plain) == ()
            assert packed.library.read_bytes() == forge_android.library(packed.target.abi)
            assert packed.program is not None
            assert packed.program.is_file()
            assert dict(packed.models)["net"].name == "net.ptl"
    assert not list((tmp_path / "s").iterdir()), "nothing is left of the archive"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("jni/armeabi-v7a/libbuild_runtime.so", "its content was changed"),
        ("prefab/prefab.json", "its content was changed"),
        ("assets/net.ptl", "its content was changed"),
        ("jni/arm64-v8a/libc++_shared.so", "is not part of the artifact"),
    ],
)
def test_a_changed_file_of_an_aar_is_noticed_once(
    path: str, told: str, aar: Path, tmp_path: Path
) -> None:
    folder = unpacked(aar, tmp_path / "folder")
    data = (folder / path).read_bytes() if (folder / path).exists() else b"x"
    (folder / path).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with open_artifacts(folder, tmp_path) as found:
        assert [line for it in found for line in changed_files(it)] == [f"{path}: {told}"]


def test_a_library_of_an_aar_the_manifest_forgets_is_no_proof(aar: Path, tmp_path: Path) -> None:
    folder = unpacked(aar, tmp_path / "folder")
    place = folder / "assets/build_runtime/manifest.json"
    document = json.loads(place.read_text())
    for it in document["targets"]:
        it["result"]["files"] = []
    place.write_text(json.dumps(document))
    with open_artifacts(folder, tmp_path) as found:
        for it in found:
            assert f"{it.places.library}: the manifest does not list it" in changed_files(it)


@pytest.mark.parametrize(
    "document",
    [{}, [], {"version": 9}, {"version": 1, "targets": []}, {"version": 1, "targets": [{}]},
     {"version": 1, "targets": [7]}, {"version": 1, "targets": 7}],
)  # fmt: skip
def test_a_manifest_of_an_aar_that_makes_no_sense_is_refused(
    document: object, aar: Path, tmp_path: Path
) -> None:
    folder = unpacked(aar, tmp_path / "folder")
    (folder / "assets/build_runtime/manifest.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match="the manifest of"), open_artifacts(folder, tmp_path):
        pass


def test_a_repository_is_read_as_the_archive_in_it(aar: Path, tmp_path: Path) -> None:
    repository = tmp_path / "maven"
    for version in ("1.0", "2.0"):
        publish(aar, Coordinates("com.example", "models", version), [], repository)
    with open_artifacts(repository, tmp_path / "s") as found:
        assert found[0].source.name == "models-2.0.aar"
        assert [it.outcome for it in found[0].found] == [Outcome.PASSED]
        assert len(found) == len(forge_android.ABIS)
    checksum = repository / "com/example/models/2.0/models-2.0.aar.sha256"
    checksum.write_text("0" * 64)
    with open_artifacts(repository, tmp_path / "s") as found:
        (check,) = found[0].found
        assert check.reasons == (
            "models-2.0.aar: its content is not that of models-2.0.aar.sha256",
        )


def test_a_library_that_needs_the_runtime_is_none(aar: Path, tmp_path: Path) -> None:
    repository, runtime = tmp_path / "maven", Coordinates("com.example", "net", "1.0")
    publish(aar, runtime, [], repository)
    (tmp_path / "images.aar").write_bytes(b"no runtime")
    images = Coordinates("com.example", "images", "1.0")
    publish(tmp_path / "images.aar", images, [], repository, Extras(needs=(runtime,)))
    with open_artifacts(repository, tmp_path / "scratch") as found:
        assert {it.source.name for it in found} == {"net-1.0.aar"}


def test_a_repository_with_several_libraries_is_refused(aar: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        publish(aar, Coordinates("com.example", name, "1.0"), [], tmp_path / "maven")
    with (
        pytest.raises(
            UsageError, match=r"holds several libraries: com/example/one/1\.0/one-1\.0\.aar"
        ),
        open_artifacts(tmp_path / "maven", tmp_path / "s"),
    ):
        pass


def test_of_many_libraries_a_few_are_named(tmp_path: Path) -> None:
    archive = tmp_path / "a.aar"
    archive.write_bytes(b"an archive")
    for place in range(7):
        publish(archive, Coordinates("com.example", f"net{place}", "1.0"), [], tmp_path / "maven")
    with (
        pytest.raises(UsageError, match=r"net4-1\.0\.aar, and 2 more\n"),
        open_artifacts(tmp_path / "maven", tmp_path / "s"),
    ):
        pass


def test_a_folder_that_holds_far_more_is_not_searched_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(android_unpacking, "_MOST_ENTRIES", 10)
    folder = tmp_path / "home"
    for place in range(9):
        (folder / str(place)).mkdir(parents=True)
    with pytest.raises(UsageError, match="is no artifact"), open_artifacts(folder, tmp_path):
        pass
    for place in range(9, 11):
        (folder / str(place)).mkdir()
    with (
        pytest.raises(UsageError, match="holds too much for a repository of libraries"),
        open_artifacts(folder, tmp_path),
    ):
        pass


def test_a_zip_archive_that_is_none_of_these_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("net/data.pkl", b"a model")
    assert not is_artifact(tmp_path / "a.zip")
    with (
        pytest.raises(UsageError, match=r"a\.zip is no artifact of build-runtime: no assets/"),
        open_artifacts(tmp_path / "a.zip", tmp_path / "s"),
    ):
        pass


def test_a_model_is_no_app_whatever_its_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lib.pt", "w") as archive:
        archive.writestr("lib/data.pkl", b"a model")
    assert not is_artifact(tmp_path / "lib.pt")


def test_several_abis_are_no_artifact_of_one(aar: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="for several ABIs: arm64-v8a, armeabi-v7a"),
        open_artifact(aar, tmp_path),
    ):
        pass


def test_each_archive_has_the_command_that_unpacks_it(aar: Path, tmp_path: Path) -> None:
    tar = write_archive(tmp_path / "a.tar.gz")
    assert unpacking(tar, [PurePosixPath("x")]) == ("tar", "xzf", str(tar), "x")
    assert unpacking(aar, [PurePosixPath("x")]) == ("unzip", "-o", str(aar), "x")


def test_an_archive_that_holds_what_no_manifest_lists_does_not_pass(tmp_path: Path) -> None:
    extra = [(member("share/more.txt"), b""), (member("lib/more.so"), b"")]
    archive = write_archive(tmp_path / "a.tar.gz", extra)
    with open_artifact(archive, tmp_path / "s") as found:
        (verdict,) = found.found
        assert verdict.outcome is Outcome.FAILED
        assert verdict.reasons == ("share/more.txt: is not part of the artifact",)
        assert changed_files(found) == ("lib/more.so: is not part of the artifact",)
    folder = write_folder(tmp_path / "folder")
    (folder / "share/more.txt").touch()
    with open_artifact(folder, tmp_path / "s") as found:
        assert not found.found, "a folder is the user's"


def test_an_aar_that_holds_what_no_manifest_lists_does_not_pass(tmp_path: Path) -> None:
    aar = forge_android.make_aar(tmp_path).archive
    with open_artifacts(aar, tmp_path / "s") as found:
        assert not found[0].found
    with zipfile.ZipFile(aar, "a") as opened:
        opened.writestr("assets/more.txt", "")
    with open_artifacts(aar, tmp_path / "s") as found:
        (verdict,) = found[0].found
        assert verdict.reasons == ("assets/more.txt: is not part of the artifact",)


def test_an_aar_without_a_runtime_says_what_to_name(tmp_path: Path) -> None:
    """That for images lies beside the other, and its name is much like it."""
    library = tmp_path / "library"
    library.touch()
    part = (Target(Platform.ANDROID, Abi.X86, 24), ImageFiles(b"", library))
    ours = Part("build-runtime", "0.1.0", "", "BSD-3-Clause", Presence.LINKED, 0, ())
    bundle = package_images([part], ours, Coordinates("g", "a", "1"), tmp_path)
    told = r"torchvision-android24\.aar holds what makes tensors of images, and no runtime"
    with pytest.raises(UsageError, match=told) as raised, open_artifacts(bundle.archive, tmp_path):
        pass
    assert raised.value.hint == "name the AAR of the runtime, such as build-runtime-android24.aar"
