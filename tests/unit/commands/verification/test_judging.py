"""`verify` asks an artifact, and its answers are a list, a document, and XML."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from builder.commands.verification import judging
from builder.commands.verification.judging import Question, verify
from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import DATA
from builder.proof import execution, policy, proving
from builder.proof.executor import Executor
from builder.proof.proving import Wish
from builder.vocabulary.checks import Check, Outcome
from builder.vocabulary.errors import ToolchainError, UsageError
from builder.vocabulary.models import InputSpec
from builder.vocabulary.tolerances import Limits
from builder.vocabulary.value_files import Tensor, Value, encode
from tests.conftest import FakeRunner
from tests.docs.pages import LEFT_OUT, block
from tests.unit.artifact import forge, forge_android
from tests.unit.models import forge as models
from tests.unit.pipeline.test_planning import Heard
from tests.unit.proof.test_adb import FakeDevice

SHAPES = InputSpec(shapes=((1,),), dtypes=("float32",))
ONE, NEAR, FAR = (
    Tensor("float32", (1,), bytes.fromhex(it)) for it in ("0000803f", "0100803f", "00004040")
)


SCHEMA = json.loads((DATA / "schemas" / "verify.schema.json").read_text())


class Events(Heard):
    """Steps are fine here."""

    def step(self, text: str) -> None:
        del text


@pytest.fixture(autouse=True)
def _sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forged library is no ELF file, and runs natively."""
    monkeypatch.setattr(proving, "check_policy", lambda *_, **__: ())
    monkeypatch.setattr(proving, "read_registered", lambda _: None)
    for name in ("find_executor", "fetch_executor"):
        monkeypatch.setattr(proving, name, lambda *_, **__: Executor((), "natively"))


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return forge.write_folder(tmp_path / "dist")


def model(path: Path, *operators: tuple[object, ...]) -> Path:
    code = models.bytecode(models.function(operators=operators))
    return models.write(path, {**models.lite(), "bytecode.pkl": code})


@pytest.fixture
def fitting(tmp_path: Path) -> Path:
    return model(tmp_path / "fits.ptl", ("aten::add", "Tensor", 3))


@pytest.fixture
def answers(runner: FakeRunner) -> Callable[[Value, Value], None]:
    """Let torch and the runtime answer these."""

    def run(command: Command, actual: Value) -> Completed:
        if "--operators" in command.argv:
            return Completed(0, '["aten::add.Tensor", "aten::format"]', "")
        if "--outputs" in command.argv:
            Path(command.argv[-1]).write_bytes(encode([actual]))
        return Completed(0, "", "")

    def reference(command: Command, expected: Value) -> Completed:
        Path(command.argv[5]).write_bytes(encode([()]))
        Path(command.argv[6]).write_bytes(encode([expected]))
        return Completed(0, "", "")

    def script(actual: Value, expected: Value) -> None:
        runner.answer_with(Path(forge.PROGRAM).name, lambda command: run(command, actual))
        runner.answer_with(Path(sys.executable).name, lambda it: reference(it, expected))

    return script


def ask(artifact: Path, *paths: Path, junit: Path | None = None, **wish: Any) -> Question:
    return Question(artifact, paths, (SHAPES,) * len(paths), Wish(**wish), junit)


def outcomes(document: Mapping[str, Any]) -> list[str]:
    """Return how the checks ended; the document must be what its schema says."""
    Draft202012Validator(SCHEMA).validate({"version": 1, **document})
    return [f"{it['outcome']} {it['name']} {it['model']}".strip() for it in document["checks"]]


def test_right_answers_pass_and_the_worst_element_is_told(
    artifact: Path, fitting: Path, host: Host, answers: Callable[[Value, Value], None]
) -> None:
    answers(NEAR, ONE)
    answer = verify(ask(artifact, fitting), host, Events())
    assert answer.error is None
    assert answer.document["passed"]
    assert outcomes(answer.document) == [
        "passed files", "passed needs fits", "passed elf policy", "passed registered operators",
        "passed outputs fits",
    ]  # fmt: skip
    worst = answer.document["checks"][-1]["worst"]
    assert (worst["place"], worst["dtype"], worst["expected"]) == (
        "output at [0]",
        "float32",
        "1.0",
    )
    assert 0 < worst["share_of_tolerance"] < 0.01
    *_, last, told = answer.text.splitlines()
    assert last == "passed   outputs (fits natively, 1 case)"
    assert "worst output at [0]: 1.0000001, torch answers 1.0, off by" in told


def test_equal_answers_are_told_to_be_equal(
    artifact: Path, fitting: Path, host: Host, answers: Callable[[Value, Value], None]
) -> None:
    answers(ONE, ONE)
    answer = verify(ask(artifact, fitting), host, Events())
    assert answer.text.endswith("all numbers are equal")


def test_wrong_answers_fail_with_the_worst_element(
    artifact: Path,
    fitting: Path,
    host: Host,
    answers: Callable[[Value, Value], None],
    tmp_path: Path,
) -> None:
    answers(FAR, ONE)
    answer = verify(ask(artifact, fitting, junit=tmp_path / "r.xml"), host, Events())
    assert answer.error is not None
    assert answer.error.exit_code == 6
    assert "fits: output: 1 of 1 elements differ" in answer.error.message
    assert "does not answer as desktop torch does" in answer.error.message
    assert outcomes(answer.document)[-1] == "failed outputs fits"
    assert answer.document["checks"][-1]["worst"]["actual"] == "3.0"
    failure = ET.parse(tmp_path / "r.xml").find(".//testcase[@name='outputs']/failure")
    assert failure is not None
    assert "torch answers 1.0" in failure.get("message", "")


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        (Limits(), True),
        (Limits(exact=True), False),
        (Limits(relative=0, absolute=0), False),
        (Limits(relative=0, absolute=1e-3), True),
    ],
)
def test_tolerances_decide(  # noqa: PLR0917  fixtures and parameters of the table
    limits: Limits,
    passed: bool,  # noqa: FBT001  a parameter of the table
    artifact: Path,
    fitting: Path,
    host: Host,
    answers: Callable[[Value, Value], None],
) -> None:
    answers(NEAR, ONE)
    answer = verify(ask(artifact, fitting, limits=limits), host, Events())
    assert (answer.error is None) == passed


def test_every_lack_of_every_model_is_in_one_list_with_one_command(
    artifact: Path,
    fitting: Path,
    host: Host,
    answers: Callable[[Value, Value], None],
    tmp_path: Path,
) -> None:
    answers(ONE, ONE)
    one = model(tmp_path / "one.ptl", ("aten::relu", "", 1), ("aten::add", "Tensor", 4))
    two = model(tmp_path / "net two.ptl", ("aten::mul", "Tensor", 2), ("aten::relu", "", 1))
    answer = verify(ask(artifact, one, fitting, two), host, Events())
    assert outcomes(answer.document) == [
        "passed files", "failed needs one", "passed needs fits", "failed needs net two",
        "passed elf policy", "passed registered operators", "passed outputs fits",
        "skipped outputs one", "skipped outputs net two",
    ]  # fmt: skip
    assert answer.error is not None
    lines = answer.error.message.splitlines()
    assert lines[0] == f"{artifact} does not pass: it does not hold what the models need"
    assert [line.split(";")[0].strip() for line in lines[1:]] == [
        "one: operator aten::add.Tensor: called with 4 arguments by Net.forward, takes 3 here",
        "one: operator aten::relu: not in this runtime",
        "net two: operator aten::mul.Tensor: not in this runtime",
        "net two: operator aten::relu: not in this runtime",
    ]
    packed = artifact / "share/build_runtime/models/net.ptl"
    assert answer.error.hint == (
        f"build a runtime that holds it, too: build-runtime {packed} {one} '{two}' --abi x86_64"
        " --platform linux --dtypes Float,Long"
    )  # fmt: skip


def test_the_command_asks_for_full_messages_where_the_artifact_has_them(
    host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    document = forge.manifest()
    document["profile"]["messages"] = "full"
    forge.write_folder(tmp_path / "full", document)
    one = model(tmp_path / "one.ptl", ("aten::relu", "", 1))
    answer = verify(ask(tmp_path / "full", one), host, Events())
    assert answer.error is not None
    assert answer.error.hint.endswith("--dtypes Float,Long --messages full")


def test_the_command_asks_for_java_where_the_artifact_has_it(
    host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    document = forge.manifest()
    document["toolchain"] = {"name": "zig", "version": "1", "jdk": 17}
    forge.write_folder(tmp_path / "java", document)
    one = model(tmp_path / "one.ptl", ("aten::relu", "", 1))
    answer = verify(ask(tmp_path / "java", one), host, Events())
    assert answer.error is not None
    assert "--platform linux --java on" in answer.error.hint


def test_a_new_model_takes_the_place_of_the_packaged_one_of_its_name(
    artifact: Path, host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    new = model(tmp_path / "net.ptl", ("aten::relu", "", 1))
    error = verify(ask(artifact, new), host, Events()).error
    assert error is not None
    assert f"build-runtime {new} --abi x86_64" in error.hint


def test_operators_of_a_list_are_asked_for_again(
    host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    document = forge.manifest()
    document["operators"].append({"name": "aten::format", "models": ["app"]})
    root = forge.write_folder(tmp_path / "x", document)
    new = model(tmp_path / "new.ptl", ("aten::relu", "", 1))
    error = verify(ask(root, new), host, Events()).error
    assert error is not None
    share = root / "share/build_runtime"
    assert (
        f"build-runtime {share}/models/net.ptl {share}/selected_operators.yaml {new}" in error.hint
    )


def test_the_models_of_an_archive_are_taken_out_first(
    host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    archive = forge.write_archive(tmp_path / "a b.tar.gz")
    new = model(tmp_path / "new.ptl", ("aten::relu", "", 1))
    error = verify(ask(archive, new), host, Events()).error
    assert error is not None
    packed = "share/build_runtime/models/net.ptl"
    assert f"tar xzf '{archive}' {packed} && build-runtime {packed} {new} --abi" in error.hint


def test_dtypes_that_are_the_default_are_not_repeated(
    host: Host, answers: Callable[[Value, Value], None], tmp_path: Path
) -> None:
    answers(ONE, ONE)
    document = forge.manifest()
    document["profile"]["dtypes"] = ["Bool", "Byte", "Double", "Float", "Half", "Int", "Long"]
    document["dtypes"] = ["Half"]
    root = forge.write_folder(tmp_path / "x", document)
    new = model(tmp_path / "new.ptl", ("aten::relu", "", 1))
    error = verify(ask(root, new), host, Events()).error
    assert error is not None
    assert error.hint.endswith("--abi x86_64 --platform linux")


def test_without_a_run_nothing_is_started(
    artifact: Path, fitting: Path, host: Host, runner: FakeRunner
) -> None:
    answer = verify(ask(artifact, fitting, without_run="--no-run"), host, Events())
    assert answer.error is None
    assert outcomes(answer.document)[-1] == "skipped run"
    assert answer.text.endswith("skipped  run: --no-run")
    assert not runner.commands


def test_what_was_changed_is_not_run(
    artifact: Path, fitting: Path, host: Host, runner: FakeRunner
) -> None:
    (artifact / forge.LIBRARY).write_bytes(b"The runtime")
    answer = verify(ask(artifact, fitting, require_run=True), host, Events())
    assert outcomes(answer.document) == ["failed files", "passed needs fits", "skipped run"]
    assert answer.error is not None
    assert f"{forge.LIBRARY}: its content was changed" in answer.error.message
    assert not runner.commands


def test_a_library_that_breaks_the_rules_is_not_run(
    artifact: Path, fitting: Path, host: Host, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "check_policy", policy.check_policy)
    answer = verify(ask(artifact, fitting), host, Events())
    assert outcomes(answer.document)[-2:] == ["failed elf policy", "skipped run"]
    assert answer.error is not None
    assert "is not a readable ELF library" in answer.error.message
    assert not runner.commands


def test_an_operator_nobody_selected_fails(
    artifact: Path,
    fitting: Path,
    host: Host,
    runner: FakeRunner,
    answers: Callable[[Value, Value], None],
) -> None:
    answers(ONE, ONE)
    held = ["aten::add.Tensor", "aten::conv2d", "aten::format", "prim::tolist"]
    runner.answer(Path(forge.PROGRAM).name, json.dumps(held))
    answer = verify(ask(artifact, fitting), host, Events())
    assert answer.error is not None
    assert "registered but not selected: aten::conv2d" in answer.error.message
    assert "prim::tolist" not in answer.error.message
    runner.answer(Path(forge.PROGRAM).name, "[]")
    answer = verify(ask(artifact, fitting), host, Events())
    assert answer.error is not None
    assert "selected but not registered: aten::add.Tensor" in answer.error.message
    assert outcomes(answer.document)[-1] == "skipped run"


@pytest.mark.parametrize("required", [False, True])
def test_a_machine_that_cannot_run_it(
    required: bool,  # noqa: FBT001  a parameter of the table
    artifact: Path,
    fitting: Path,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proving, "find_executor", lambda *_: "no qemu-x on PATH")
    answer = verify(ask(artifact, fitting, require_run=required, fetch=False), host, Events())
    assert (answer.error is not None) == required
    assert "no qemu-x on PATH" in answer.document["checks"][-1]["reasons"][0]


def test_without_inputs_a_model_is_loaded_only(
    artifact: Path, fitting: Path, host: Host, answers: Callable[[Value, Value], None]
) -> None:
    answers(ONE, ONE)
    question = replace(ask(artifact, fitting), inputs=(InputSpec(),))
    answer = verify(question, host, Events())
    assert answer.error is None
    assert "skipped  outputs (fits natively): loaded, but not run" in answer.text
    required = replace(question, wish=Wish(require_run=True))
    error = verify(required, host, Events()).error
    assert error is not None
    assert "no inputs were given" in error.message


def test_a_runtime_that_ends_is_repeatable_without_the_unpacked_copy(
    fitting: Path,
    host: Host,
    runner: FakeRunner,
    answers: Callable[[Value, Value], None],
    tmp_path: Path,
) -> None:
    answers(ONE, ONE)

    def crash(command: Command) -> Completed:
        if "--operators" in command.argv:
            return Completed(0, '["aten::add.Tensor"]', "")
        return Completed(-11, "", "")

    runner.answer_with(Path(forge.PROGRAM).name, crash)
    archive = forge.write_archive(tmp_path / "a.tar.gz")
    error = verify(ask(archive, fitting), host, Events()).error
    assert error is not None
    assert "ended by SIGSEGV" in error.message
    assert f"repeat it by hand: {forge.PROGRAM} {fitting} --inputs" in error.hint


def test_the_report_is_refused_before_anything_is_done(
    artifact: Path, fitting: Path, host: Host, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write to"):
        verify(ask(artifact, fitting, junit=tmp_path / "file" / "r.xml"), host, Events())


def test_names_of_checks_are_the_same_everywhere() -> None:
    assert set(judging._TITLES) == {"files", "needs", "outputs", "provenance", "rebuild"}


PASSED = [
    "passed files", "passed needs fits", "passed elf policy", "passed registered operators",
    "passed outputs fits",
]  # fmt: skip


def test_an_aar_is_verified_for_each_abi(
    tmp_path: Path, fitting: Path, host: Host, answers: Callable[[Value, Value], None]
) -> None:
    answers(NEAR, ONE)
    aar = forge_android.make_aar(tmp_path / "x").archive
    answer = verify(ask(aar, fitting, junit=tmp_path / "j.xml"), host, Events())
    assert answer.error is None
    assert outcomes(answer.document) == PASSED * 2
    assert [it["target"] for it in answer.document["checks"]] == [
        *["android24-arm64-v8a"] * 5, *["android24-armeabi-v7a"] * 5,
    ]  # fmt: skip
    assert answer.document["target"] == "android24-arm64-v8a, android24-armeabi-v7a"
    assert answer.text.startswith("android24-arm64-v8a\npassed   files\n")
    names = [it.get("name") for it in ET.parse(tmp_path / "j.xml").iter("testcase")]
    assert len(set(names)) == len(names)


def on_device(
    host: Host, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, abis: str
) -> FakeDevice:
    """Attach a device that runs programs of these ABIs, and let it answer."""
    path = Path(host.env["PATH"], "adb")
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)
    properties = {"ro.product.cpu.abilist": abis, "ro.build.version.sdk": "29"}
    device = FakeDevice(properties=properties)
    runner.answer_with("adb", device.adb)
    monkeypatch.setattr(proving, "fetch_executor", execution.fetch_executor)
    monkeypatch.setattr(proving, "_registry", lambda *_: Check(name="r", outcome=Outcome.PASSED))
    monkeypatch.setattr(proving, "_outputs", lambda *_: Check(name="o", outcome=Outcome.PASSED))
    return device


@pytest.mark.parametrize("required", [False, True])
def test_what_a_device_cannot_run_is_told_beside_what_it_can(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    fitting: Path,
    host: Host,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    required: bool,  # noqa: FBT001  a parameter of the table
) -> None:
    on_device(host, runner, monkeypatch, "arm64-v8a")
    aar = forge_android.make_aar(tmp_path / "x").archive
    report = tmp_path / "j.xml"
    question = ask(aar, fitting, junit=report, runner="adb", require_run=required)
    answer = verify(question, host, Events())
    one, other = (
        [it for it in answer.document["checks"] if it["target"] == f"android24-{abi}"]
        for abi in ("arm64-v8a", "armeabi-v7a")
    )
    assert {it["outcome"] for it in one} == {"passed"}
    assert (other[-1]["name"], other[-1]["outcome"]) == ("run", "failed" if required else "skipped")
    (reason,) = other[-1]["reasons"]
    assert reason.endswith("device emulator-5554 runs arm64-v8a, not armeabi-v7a")
    assert (answer.error is not None) == required
    assert report.is_file()


def test_a_device_that_runs_nothing_of_an_aar_is_an_error(
    tmp_path: Path,
    fitting: Path,
    host: Host,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_device(host, runner, monkeypatch, "x86")
    aar = forge_android.make_aar(tmp_path / "x").archive
    with pytest.raises(ToolchainError) as caught:
        verify(ask(aar, fitting, runner="adb"), host, Events())
    assert caught.value.message == (
        "device emulator-5554 runs x86, not arm64-v8a; device emulator-5554 runs x86, not"
        " armeabi-v7a"
    )


def test_an_app_is_verified_without_running_it(tmp_path: Path, fitting: Path, host: Host) -> None:
    aar = forge_android.make_aar(tmp_path / "x").archive
    app = forge_android.align(forge_android.make_app(aar, tmp_path / "app.apk"), 0x4000)
    answer = verify(ask(app, fitting), host, Events())
    assert answer.error is None
    each = [
        "passed files", "passed zip alignment", "passed needs fits", "passed elf policy",
        "skipped run",
    ]  # fmt: skip
    assert outcomes(answer.document) == each * 2
    ((_, lines),) = block("$ build-runtime verify app.apk model.ptl").steps
    told = answer.text.replace("(fits)", "(model)").splitlines()
    assert list(lines[:-1]) == told[: len(lines) - 1]
    assert lines[-1] == LEFT_OUT


def test_an_app_whose_library_lacks_something_is_told_how_to_build_it(
    tmp_path: Path, host: Host
) -> None:
    aar = forge_android.make_aar(tmp_path / "x").archive
    app = forge_android.make_app(aar, tmp_path / "app.apk", compressed=True)
    lacking = model(tmp_path / "lacks.ptl", ("aten::relu", "", 1))
    answer = verify(ask(app, lacking), host, Events())
    assert answer.error is not None
    assert answer.error.exit_code == 6
    assert "operator aten::relu: not in this runtime" in answer.error.message
    assert (
        "--abi arm64-v8a,armeabi-v7a --platform android --android-api 24 --maven-group com.example"
        " --maven-artifact my-models --maven-version 1.2.0-rc1 --java off --dtypes"
        in answer.error.hint
    )
    assert "is compressed: it is unpacked when the app is installed" in answer.text


def test_models_of_an_aar_are_packed_again(tmp_path: Path, host: Host) -> None:
    aar = forge_android.make_aar(tmp_path / "x", with_models=True).archive
    lacking = model(tmp_path / "lacks.ptl", ("aten::relu", "", 1))
    error = verify(ask(aar, lacking, without_run="--no-run"), host, Events()).error
    assert error is not None
    assert "--bundle-models" in error.hint


def test_a_library_from_elsewhere_is_not_run(tmp_path: Path, fitting: Path, host: Host) -> None:
    one = forge_android.make_aar(tmp_path / "x").archive
    app = forge_android.make_app(one, tmp_path / "app.apk", swapped=True)
    answer = verify(ask(app, fitting), host, Events())
    assert answer.error is not None
    assert "its build id is" in answer.error.message
    assert "skipped run" in outcomes(answer.document)
