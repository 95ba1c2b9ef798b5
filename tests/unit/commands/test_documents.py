"""Every `--json` document keeps to its published schema, in every state it can be in."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from builder.cli import main
from builder.commands import planning
from builder.commands.inspecting import conversion
from builder.commands.line import registry
from builder.commands.verification.judging import Question, verify
from builder.foundation.process import Command, Completed, Host, SubprocessRunner
from builder.foundation.resources import DATA
from builder.foundation.settings import DEFINITIONS
from builder.models.reading.lite import read_lite
from builder.proof.proving import Wish
from builder.toolchains import zig
from builder.vocabulary.models import InputSpec, ModelFormat, Repair
from builder.vocabulary.plan import Program, SourceTree
from tests.documents import SCHEMAS, read_schema, validate
from tests.unit.artifact import forge as artifacts
from tests.unit.artifact import forge_android
from tests.unit.commands.verification.test_judging import Events
from tests.unit.models import forge

ADD, RELU = ("aten::add", "Tensor", 2), ("aten::relu", "", 1)
OWN = {"report": "size-report", "cache export": "pack", "cache import": "pack"}
"""Commands whose document has the schema of another name."""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))


def write(path: Path, *operators: tuple[object, ...], opcode: str = "RET") -> Path:
    steps = (("STORE", 1, 0), *forge.calls(operators), ("LOAD", 1, 0), (opcode, 1, 0), forge.RETURN)
    function = forge.function(operators=operators, instructions=steps)
    return forge.write(path, {**forge.lite(), "bytecode.pkl": forge.bytecode(function)})


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "a.ptl", ADD), write(tmp_path / "b.ptl", ADD, RELU, opcode="FORMAT")


def document(words: list[object], capsys: pytest.CaptureFixture[str], status: int = 0) -> Any:
    assert main([*map(str, words), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_every_command_has_a_schema() -> None:
    published = {path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir()}
    assert {OWN.get(name, name).replace(" ", "-") for name in registry.NAMES} <= published
    assert {"error", "inspect-converted", "inspect-diff", "manifest"} <= published


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda it: it.name)
def test_schemas_are_schemas_and_versioned(path: Path) -> None:
    schema = read_schema(path)
    Draft202012Validator.check_schema(schema)
    name = path.name.removesuffix(".schema.json")
    number = {"manifest": 2, "size-report": 2}.get(name, 1)
    assert schema["$id"] == f"urn:build-runtime:{name}:{number}"
    if name == "configuration":
        assert "version" not in schema["properties"], "people write it"
    else:
        assert schema["properties"]["version"] == {"const": number}
    assert schema["additionalProperties"] is False
    assert schema["title"]
    assert schema["description"]


def test_an_inspection(models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    told = document(["inspect", *models], capsys)
    validate("inspect", told)
    names = [it["name"] for it in told["operators"]]
    assert names == sorted(names) == ["aten::add.Tensor", "aten::relu"]
    assert told["operators"][0]["calls"] == 2
    assert told["models"][0]["trace"] is None
    told["operators"][0]["calls"] = -1
    with pytest.raises(ValidationError):
        validate("inspect", told)


TRACE = {
    "version": 1, "torch": "2.13.0", "cases": 2,
    "called": [{"name": "aten::add.Tensor", "count": 3, "dtypes": ["Float", "Short"]}],
    "without_schema": [],
    "nested": [{"name": "aten::relu", "count": 1, "below": ["aten::add.Tensor"],
                "dtypes": ["Float"]}],
    "dtypes": [
        {"dtype": "Float", "operator": "", "below": ""},
        {"dtype": "Short", "operator": "aten::relu", "below": "aten::add.Tensor"},
    ],
}  # fmt: skip


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process that runs desktop torch, as it answers."""

    def capture(_: object, command: Command, *, timeout: float | None = None) -> Completed:
        assert command.argv[0] == sys.executable
        assert timeout
        Path(command.argv[-1]).write_text(json.dumps(TRACE))
        return Completed(0, "", "")

    monkeypatch.setattr(SubprocessRunner, "capture", capture)
    monkeypatch.setattr(metadata, "version", lambda _: "2.13.0")


@pytest.mark.usefixtures("child")
def test_an_inspection_of_models_that_were_run(
    models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inspect", *models, "--input-shape", "1,3", "-q"]
    told = document([*words], capsys)
    validate("inspect", told)
    by_name = {it["name"]: it for it in told["operators"]}
    assert by_name["aten::add.Tensor"]["executed"] == "called"
    assert by_name["aten::add.Tensor"]["dtypes"] == ["Float", "Short"]
    assert by_name["aten::relu"]["executed"] == "nested"
    assert main([str(it) for it in words]) == 0
    text = capsys.readouterr().out
    assert "run in torch 2.13.0 on float32[1,3] (2 cases): 1 of 2 operators called" in text
    assert "executed only below other operators\n  aten::relu " in text
    assert "below aten::add.Tensor (b)" in text
    assert (
        "Short          made by aten::relu below aten::add.Tensor;"
        " a build adds it when given these inputs" in text
    )


@pytest.mark.usefixtures("child")
def test_bundled_inputs_are_used_on_demand_alone(
    models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(models[0]), "--bundled"]) == 0
    assert "a was not run: it bundles no inputs" in capsys.readouterr().err


def test_a_difference(models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = models
    told = document(["inspect", one, other, "--diff"], capsys)
    validate("inspect-diff", told)
    assert told == document(["inspect", "--diff", one, other], capsys)
    assert told["more"]["operators"] == [{"name": "aten::relu", "models": ["b"]}]
    assert told["more"]["opcodes"] == ["FORMAT"]
    assert not told["runs"]
    (lacking,) = told["models"]
    assert any("aten::relu: not in this runtime" in it for it in lacking["lacks"])
    assert any("string formatting was left out" in it for it in lacking["lacks"])
    back = document(["inspect", other, one, "--diff"], capsys)
    validate("inspect-diff", back)
    assert back["runs"]
    assert back["unused"]["operators"] == ["aten::relu"]


def placed(path: Path, location: str, *operators: tuple[object, ...]) -> Path:
    """Write a model whose weights are on a device."""
    tensor = forge.tensor(forge.storage(location=location))
    function = forge.function(operators=operators, instructions=(("OP", 0, 0), ("RET", 0, 0)))
    data = forge.pickled(forge.made("__torch__", "Net", {"w": tensor}))
    code = forge.bytecode(function)
    return forge.write(path, {**forge.lite(), "bytecode.pkl": code, "data.pkl": data})


def test_what_the_conversion_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gpu, cpu = placed(tmp_path / "gpu.ptl", "cuda:0", ADD), placed(tmp_path / "cpu.ptl", "cpu", ADD)
    told = document(["inspect", gpu, cpu, "--converted"], capsys)
    validate("inspect-converted", told)
    one, other = told["models"]
    assert one["repairs"] == [{"name": "devices", "what": "device cuda:0 became cpu", "count": 1}]
    assert other["repairs"] == []
    assert one["exported"] == one["converted"] == other["converted"] == ["aten::add.Tensor"]
    assert main(["inspect", str(gpu), str(cpu), "--converted"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gpu: lite, operators: 1 as exported, 1 as it runs",
        "  repaired: device cuda:0 became cpu (once)",
        "cpu: lite, operators: 1 as exported, 1 as it runs",
    ]


def test_what_a_repaired_model_called(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(read_lite(write(tmp_path / "net.ptl", ADD)), format=ModelFormat.TORCHSCRIPT)
    assert conversion.exported_operators(model, host) == model.operators
    old = read_lite(write(tmp_path / "old.ptl", RELU))
    repaired = replace(model, repairs=(Repair("pairs", "filled", 1),), source=old.path)
    for found, expected in ((old, old.operators), (model, None)):  # read, or converted after all
        monkeypatch.setattr(conversion, "read_exported", lambda *_, found=found: found)
        assert conversion.exported_operators(repaired, host) == expected
    lite = replace(repaired, format=ModelFormat.LITE)
    assert conversion.exported_operators(lite, host) == old.operators


def test_operators_that_the_conversion_changed() -> None:
    model = {
        "name": "net", "format": "torchscript", "converted": ["aten::len", "aten::relu"],
        "exported": ["aten::dict.str", "aten::relu"],
        "repairs": [{"name": "pairs", "what": "filled", "count": 2}],
        "rewrites": [{"name": "packing", "what": "packed", "count": 1}], "notes": ["more to say"],
    }  # fmt: skip
    assert conversion.to_text({"models": [model]}).splitlines() == [
        "net: torchscript, operators: 2 as exported, 2 as it runs",
        "  repaired: filled (2 times)",
        "  rewritten: packed (once)",
        "  more to say",
        "  no longer called: aten::dict.str",
        "  called instead: aten::len",
    ]
    assert conversion.to_text({"models": [{**model, "exported": None}]}).splitlines() == [
        "net: torchscript, operators: unknown as exported, 2 as it runs",
        "  repaired: filled (2 times)",
        "  rewritten: packed (once)",
        "  more to say",
        "  it calls: aten::len, aten::relu",
    ]


def test_a_difference_from_what_an_app_holds(
    models: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aar = forge_android.make_aar(tmp_path / "x").archive
    app = forge_android.make_app(aar, tmp_path / "app.apk")
    for base in (aar, app):
        told = document(["inspect", "--diff", base, *models], capsys)
        validate("inspect-diff", told)
        assert told["base"]["kind"] == "artifact"
        assert told["base"]["operators"] == 1
        assert told["more"]["operators"] == [{"name": "aten::relu", "models": ["b"]}]


def test_a_difference_for_people(
    models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(models[0]), str(models[1]), "--diff"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "b needs 1 operator more than a has"
    assert "b cannot run on the runtime built for a:" in lines
    assert main(["inspect", str(models[1]), str(models[0]), "--diff"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "a needs no operators more than b has",
        "operators of b that nothing here uses: aten::relu",
        "a can run on the runtime built for b",
    ]


def test_a_difference_from_an_artifact(
    models: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = artifacts.write_folder(tmp_path / "dist")
    told = document(["inspect", *models, "--diff", folder], capsys)
    validate("inspect-diff", told)
    assert told["base"]["kind"] == "artifact"
    assert [it["name"] for it in told["models"]] == ["a", "b"]
    assert "aten::relu" in {it["name"] for it in told["more"]["operators"]}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.ptl", "--diff"], "nothing to compare a.ptl with"),
        (["a.ptl", "--diff", "gone.ptl"], "no such model or artifact: gone.ptl"),
        (["a.ptl", "--converted", "--methods"], "takes no inputs and no --methods"),
        (["a.ptl", "b.ptl", "--converted", "--diff"], "--diff compares models, --converted"),
        (["a.ptl", "b.ptl", "--diff", "--methods"], "takes no inputs and no --methods"),
        (["a.ptl", "--diff", "empty"], "empty is no artifact of build-runtime"),
    ],
)
@pytest.mark.usefixtures("models")
def test_what_cannot_be_compared_is_said(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    failed = document(["inspect", *words], capsys, 2)
    validate("error", failed)
    assert told in failed["error"]
    assert failed["exit_code"] == 2
    assert failed["hint"]


def test_a_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "net.ptl", ADD, ("shop::tax", "", 1))
    told = document(["check", "net.ptl"], capsys, 3)
    validate("check", told)
    assert told["problems"]


def test_a_plan_tells_every_setting_with_its_origin(
    models: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "open_source", lambda *_: SourceTree("2.6.0", "d", "cache", ()))
    monkeypatch.setattr(planning, "find_targets", lambda *_: ())
    told = document(["plan", *models, "--abi", "x86", "-j", "3"], capsys)
    validate("plan", told)
    assert list(told["settings"]) == [it.key for it in DEFINITIONS]
    assert told["settings"]["abi"] == {"value": "x86", "origin": "--abi"}
    assert told["settings"]["jobs"] == {"value": "3", "origin": "--jobs"}
    assert told["settings"]["cache-dir"]["origin"] == "$BUILD_RUNTIME_CACHE_DIR"
    assert told["settings"]["platform"] == {"value": "auto", "origin": "default"}


def test_a_lock(models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    told = document(["lock", *models, "-o", "lock.yaml"], capsys)
    validate("lock", told)
    assert [it["name"] for it in told["operators"]] == ["aten::add.Tensor", "aten::relu"]


def test_a_verification(models: tuple[Path, Path], tmp_path: Path, host: Host) -> None:
    artifact = artifacts.write_folder(tmp_path / "dist")
    question = Question(artifact, models, (InputSpec(), InputSpec()), Wish("--no-run"), None)
    told = verify(question, host, Events()).document
    validate("verify", {"version": 1, **told})


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Answer for the programs of this machine."""
    answer = Completed(0, "3.31\n", "")
    monkeypatch.setattr(SubprocessRunner, "capture", lambda *_, **__: answer)
    monkeypatch.setattr(zig, "find_zig", lambda: Program("zig", Path("/z/zig"), "0.17.1"))
    return iter(())


@pytest.mark.usefixtures("answering")
def test_targets_doctor_and_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cache" / "traces").mkdir(parents=True)
    validate("targets", document(["targets"], capsys))
    validate("cache", document(["cache"], capsys))
    main(["doctor", "--json"])
    validate("doctor", json.loads(capsys.readouterr().out))


def test_schemas_ship_with_the_package() -> None:
    assert SCHEMAS == DATA / "schemas"
    assert len(list(SCHEMAS.glob("*.schema.json"))) == len(list(SCHEMAS.iterdir()))
