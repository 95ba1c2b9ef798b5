"""What `plan`, `inspect` and `report` answer."""

import gzip
import json
import shutil
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.artifact.maven.repository import publish
from builder.cli import main
from builder.commands import checking, planning
from builder.commands.inspecting import inspection
from builder.compilation.dependence import Candidates
from builder.compilation.store import ObjectStore
from builder.libtorch.catalogue import Catalogue
from builder.models.reading.lite import read_lite
from builder.pipeline import planning as stages
from builder.report.document import to_json
from builder.toolchains import zig
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import Repair
from builder.vocabulary.plan import SourceTree
from tests.documents import validate
from tests.golden.tiny import CATALOGUE, make_plan
from tests.sizes import make_report
from tests.unit.artifact import forge_android
from tests.unit.models import forge

REPORT = make_report(
    make_plan().target, 2_300_000, 900_000,
    sections=[(".text", 2_000_000), (".rodata", 300_000)], operators={"aten::add.Tensor": 40_000},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """Make the unpacked archive of a build."""
    report = tmp_path / "net" / "share" / "build_runtime" / "size-report.json"
    report.parent.mkdir(parents=True)
    report.write_text(to_json(REPORT))
    return tmp_path / "net"


def test_the_report_is_read_from_a_folder_or_an_archive(
    artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = shutil.make_archive(str(artifact), "gztar", artifact, "share")
    answers = []
    for path in (str(artifact), archive):
        assert main(["report", path]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert "aten::add.Tensor" in answers[0]


@pytest.mark.parametrize("words", [["--format", "json"], ["--json"]])
def test_the_report_of_an_artifact_can_be_a_document(
    artifact: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(artifact), *words]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(to_json(REPORT))


def test_the_report_of_an_aar_tells_of_each_abi(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aar = forge_android.make_aar(tmp_path / "x").archive
    shutil.unpack_archive(aar, tmp_path / "folder", "zip")
    publish(aar, forge_android.COORDINATES, [], tmp_path / "maven")
    answers = []
    for path in (aar, tmp_path / "folder", tmp_path / "maven"):
        assert main(["report", str(path)]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] == answers[2]
    for abi in forge_android.ABIS:
        assert f"Size of the runtime for android24-{abi}" in answers[0]
    for words in (["--format", "json"], ["--json"]):
        assert main(["report", str(aar), *words]) == 0
        document = json.loads(capsys.readouterr().out)
        validate("size-report", document)
        abis = [it["target"]["abi"] for it in document["reports"]]
        assert abis == list(forge_android.ABIS)


def test_the_report_of_one_abi_is_the_document_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aar = forge_android.make_aar(tmp_path, forge_android.ABIS[:1]).archive
    assert main(["report", str(aar), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    validate("size-report", document)
    assert document["target"]["abi"] == "arm64-v8a"


def test_an_app_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aar = forge_android.make_aar(tmp_path).archive
    app = forge_android.make_app(aar, tmp_path / "app.apk")
    assert main(["report", str(app)]) == 2
    assert "app.apk holds no size report" in capsys.readouterr().err


def test_a_link_in_an_archive_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("secret")
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("share/build_runtime/size-report.json")
        member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(member)
    assert main(["report", "evil.tar.gz"]) == 2
    assert "secret" not in capsys.readouterr().err.replace(str(tmp_path), "")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_the_report_of_an_archive_costs_no_memory_for_long_headers(
    tmp_path: Path, kind: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = tarfile.TarInfo("claim")
    claim.type, claim.size = kind, 30_000_000
    with gzip.open(tmp_path / "long.tar.gz", "wb", 1) as stream:
        stream.write(claim.tobuf(tarfile.GNU_FORMAT))
        stream.write(bytes(claim.size + 10_240))
    tracemalloc.start()
    assert main(["report", "long.tar.gz"]) == 2
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert "long.tar.gz is no artifact" in capsys.readouterr().err


def test_an_inspection_tells_people_which_model_needs_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (("aten::add", "Tensor", 2),), (("aten::relu", "", 1), ("aten::add", "Tensor", 2))
    for name, operators in {"one": one, "two": two}.items():
        code = forge.bytecode(forge.function(operators=operators))
        forge.write(tmp_path / f"{name}.ptl", {**forge.lite(), "bytecode.pkl": code})
    assert main(["inspect", "one.ptl", "two.ptl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("one: lite, bytecode 8, operator set 10, dtypes Float")
    assert lines[-4:] == [
        "2 operators",
        "  operator    overload  calls  models    kernel",
        "  aten::add   Tensor    1      one, two  generated/ATen/UfuncCPU_add.cpp",
        "  aten::relu  -         1      two       aten/src/ATen/native/Activation.cpp",
    ]


DOCUMENT: dict[str, Any] = {
    "source": {"version": "2.6.0", "provider": "cache"},
    "targets": [{
        "target": "linux-x86", "toolchain": "zig 0.17.1", "dtypes": ["Bool", "Float"],
        "cache_keys": {"objects": "a" * 64, "build": "b" * 64},
        "operators": [{"name": "aten::relu", "models": ["net", "other"]}],
        "files": ["a.cpp", "b.cpp", "c.cpp"], "compile": 2, "reuse": 1,
        "predicted_library_bytes": 2_345_678, "project": None,
        "prediction": {
            "bytes": 2_345_678, "least": 2_300_000, "most": 2_391_356, "core": 2_000_000,
            "shared": 45_678, "guessed": 0, "unknown": [], "unmeasured": [],
            "measured_on": "linux-x86_64",
            "operators": [{"name": "aten::relu", "alone": 300_000, "shared": 45_678}],
        },
    }],
    "settings": {
        "abi": {"value": "x86", "origin": "--abi"}, "source": {"value": "", "origin": "default"},
    },
}  # fmt: skip


def test_a_plan_tells_people_what_would_be_compiled() -> None:
    assert planning.to_text(DOCUMENT).splitlines() == [
        "source: PyTorch 2.6.0 (cache)",
        "",
        "linux-x86, zig 0.17.1",
        "  1 operators, dtypes Bool, Float",
        f"    {'aten::relu':45}   300,000  net, other",
        "  3 files: 2 to compile, 1 in the store",
        "  predicted library: 2.35 MB, between 2.30 and 2.39",
        "    fixed core 2,000,000 bytes, operators alone 300,000, shared by several 45,678",
        "  object store aaaaaaaaaaaa, build bbbbbbbbbbbb",
        "",
        "settings:",
        f"  {'abi':16} {'x86':30} (--abi)",
        f"  {'source':16} {'-':30} (default)",
    ]
    repaired = ["repaired net: with torch.no_grad() removed (once)"]
    assert planning.to_text(DOCUMENT, repaired).splitlines()[1] == repaired[0]


def test_what_was_repaired_is_told_of_each_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forge.write(tmp_path / "net.ptl", forge.lite())
    repair = Repair("gradients", "with torch.no_grad() removed", 3)
    model = replace(read_lite(path), repairs=(repair,))
    for module in (checking, inspection):
        monkeypatch.setattr(module, "read_exported", lambda *_, **__: model)
    for command in ("check", "inspect"):
        assert main([command, "net.ptl"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert shown[1] == "  repaired: with torch.no_grad() removed (3 times)"
        assert main([command, "net.ptl", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        validate(command, document)
        assert document["models"][0]["repairs"] == [repair.document()]


@pytest.mark.parametrize("source", [(), ("--source", ".")])
def test_operators_the_source_does_not_have_stop_a_plan(
    source: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of them at once: the pinned source is known before it is fetched, others are read."""
    operators = (("shop::tax", "", 1), ("aten::ad", "Tensor", 2), ("aten::add", "Tensor", 2))
    code = forge.bytecode(forge.function(operators=operators))
    forge.write(tmp_path / "net.ptl", {**forge.lite(), "bytecode.pkl": code})
    known: Catalogue = CATALOGUE
    tiny = make_plan()
    opened: list[str] = []

    def open_source(*_: object) -> SourceTree:
        opened.append("source")
        return tiny.source

    monkeypatch.setattr(planning, "open_source", open_source)
    monkeypatch.setattr(zig, "prepare", lambda *_: tiny.toolchain)
    monkeypatch.setattr(stages, "generate_tree", lambda *_: tiny.objects.generated)
    monkeypatch.setattr(stages, "candidates_of", lambda _: Candidates((), {}))
    monkeypatch.setattr(stages, "find_store", lambda *_: ObjectStore((), {}))
    monkeypatch.setattr(stages, "read_catalogue", lambda *_: known)
    assert main(["plan", "net.ptl", "--abi", "x86", "-q", *source]) == ModelError.exit_code
    told = capsys.readouterr().err
    assert "    aten::ad.Tensor: not in this source (did you mean aten::add.Tensor" in told
    assert (
        "    shop::tax: not in this source: it is of a library of the namespace shop; used" in told
    )
    assert "aten::add.Tensor: not" not in told
    assert bool(opened) is bool(source)


def test_a_check_tells_what_is_in_the_way_of_each_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, operator in {"good": "aten::relu", "bad": "torchvision::nms"}.items():
        code = forge.bytecode(forge.function(operators=((operator, "", 1),)))
        forge.write(tmp_path / f"{name}.ptl", {**forge.lite(), "bytecode.pkl": code})
    assert main(["check", "good.ptl"]) == 0
    assert capsys.readouterr().out == "good     1 operators, all in PyTorch 2.6.0\n"
    assert main(["check", "good.ptl", "bad.ptl"]) == ModelError.exit_code
    assert capsys.readouterr().out.splitlines() == [
        "good     1 operators, all in PyTorch 2.6.0",
        "bad      1 operators, 1 that cannot be had",
        "",
        "a runtime of PyTorch 2.6.0 cannot have what is needed:",
        (
            "    torchvision::nms: not in this source: it is of the C++ library of torchvision;"
            " used by bad in Net.forward"
        ),
        (
            "  fix: torchvision::…: name C++ that registers it: --ops-source FILE.cpp; or run it in"
            " the app, on what the model returns"
        ),
    ]
    assert main(["check", "good.ptl", "bad.ptl", "--json"]) == ModelError.exit_code
    document = json.loads(capsys.readouterr().out)
    assert [(it["name"], it["problems"]) for it in document["models"]] == [("good", 0), ("bad", 1)]
    (problem,) = document["problems"]
    assert (problem["kind"], problem["subject"]) == ("operator", "torchvision::nms")
    assert problem["uses"] == [
        {"model": "bad", "method": "Net.forward", "line": None, "text": None}
    ]


EXTENSION = b"""\
class Net(Module):
  def forward(self: __torch__.Net, x: Tensor) -> Tensor:
    return ops.torchvision.nms(x, x, 0.5)
"""


def test_a_check_tells_of_all_models_when_some_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = forge.bytecode(forge.function(operators=(("aten::relu", "", 1),)))
    forge.write(tmp_path / "good.ptl", {**forge.lite(), "bytecode.pkl": code})
    forge.write(tmp_path / "boxes.pt", {**forge.torchscript(), "code/__torch__.py": EXTENSION})
    (tmp_path / "empty.pt").touch()
    (tmp_path / "folder.pt").mkdir()
    words = ["check", "empty.pt", "boxes.pt", "folder.pt", "good.ptl"]
    assert main(words) == 3
    assert capsys.readouterr().out.splitlines() == [
        "empty   cannot be read",
        "boxes   refused: 1 that cannot be had",
        "folder  cannot be read",
        "good       1 operators, all in PyTorch 2.6.0",
        "",
        "a runtime of PyTorch 2.6.0 cannot have what is needed:",
        (
            "    torchvision::nms: not in this source: it is of the C++ library of torchvision;"
            " used by boxes in Net.forward"
        ),
        (
            "  fix: torchvision::…: name C++ that registers it: --ops-source FILE.cpp; or run it in"
            " the app, on what the model returns"
        ),
        "",
        "cannot read empty.pt: the file is empty",
        "  fix: copy the file again, or export the model again",
        "",
        "no such model: folder.pt (it is a directory)",
        "  fix: give the path of a TorchScript .pt, a torch.export .pt2 or a .ptl file",
    ]
    assert main([*words, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    validate("check", told)
    rows = {it["name"]: it for it in told["models"]}
    assert [(it["path"], it["operators"], it["problems"]) for it in told["models"]] == [
        ("empty.pt", None, 0), ("boxes.pt", None, 1), ("folder.pt", None, 0), ("good.ptl", 1, 0),
    ]  # fmt: skip
    codes = {name: it["error"] and it["error"]["exit_code"] for name, it in rows.items()}
    assert codes == {"empty": 3, "boxes": None, "folder": 2, "good": None}
    assert main(["check", "folder.pt", "good.ptl"]) == 2
    assert main(["check", "folder.pt", "empty.pt"]) == 3


def test_names_clash_only_where_they_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, operator in {"a": "aten::relu", "b": "shop::tax"}.items():
        (tmp_path / folder).mkdir()
        code = forge.bytecode(forge.function(operators=((operator, "", 1),)))
        forge.write(tmp_path / folder / "net.ptl", {**forge.lite(), "bytecode.pkl": code})
    assert main(["check", "a/net.ptl", "b/net.ptl"]) == 3
    told = capsys.readouterr().out
    assert "a/net.ptl     1 operators, all in PyTorch 2.6.0\n" in told
    assert "b/net.ptl     1 operators, 1 that cannot be had\n" in told
    assert "used by b/net.ptl in Net.forward" in told
    assert main(["inspect", "a/net.ptl", "b/net.ptl", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["operators"]
    assert [(it["name"], it["models"]) for it in rows] == [
        ("aten::relu", ["a/net.ptl"]), ("shop::tax", ["b/net.ptl"]),
    ]  # fmt: skip
    assert main(["lock", "a/net.ptl", "b/net.ptl"]) == 2
    assert "two models are named net" in capsys.readouterr().err
