import json
import time
from pathlib import Path
from typing import Any

import pytest

from builder.cli import main
from builder.commands.inspecting import sizing
from builder.commands.inspecting.prediction import Question
from tests.documents import validate
from tests.unit.models import forge

OPERATORS = (("aten::gelu", "", 1), ("aten::add", "Tensor", 2))


def write(path: Path) -> Path:
    code = forge.bytecode(forge.function(operators=OPERATORS))
    forge.write(path, {**forge.lite(), "bytecode.pkl": code})
    return path


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    assert main([str(it) for it in ("inspect", *words, "--json")]) == 0
    document = json.loads(capsys.readouterr().out)
    validate("inspect-sizes", document)
    return document


def test_sizes_are_told_without_a_toolchain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = asked(capsys, write(tmp_path / "net.ptl"), "--sizes", "x86_64")
    assert document["target"] == "linux-x86_64"
    names = [it["name"] for it in document["prediction"]["operators"]]
    assert sorted(names) == ["aten::add.Tensor", "aten::gelu"]
    assert [it["name"] for it in document["dearest"]] == names
    assert all(it["difference"] < 0 for it in document["dearest"])


def test_changes_are_answered_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(tmp_path / "net.ptl")
    started = time.process_time()
    document = asked(
        capsys, model, "--sizes", "x86_64", "--what-if", "drop=aten::gelu",
        "--what-if", f"add={write(tmp_path / 'more.ptl')}",
    )  # fmt: skip
    assert time.process_time() - started < 5
    dropped, added = document["what_if"]
    assert dropped["difference"] < 0
    assert added["difference"] == 0, "it calls nothing that the other one does not"


def test_people_are_told_what_to_drop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--sizes", "x86_64", "--what-if", "drop=aten::gelu")
    assert main(["inspect", str(write(tmp_path / "net.ptl")), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "linux-x86_64"
    assert lines[1].startswith("predicted library: ")
    place = lines.index("what dropping saves most")
    assert lines[place + 1].split()[0] in {"aten::gelu", "aten::add.Tensor"}
    assert lines[-1].startswith("  drop=aten::gelu")


def test_operators_of_the_users_own_are_known_and_in_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.ptl"
    code = forge.bytecode(forge.function(operators=(*OPERATORS, ("shop::tax", "", 1))))
    forge.write(path, {**forge.lite(), "bytecode.pkl": code})
    own = tmp_path / "tax.cpp"
    own.write_text('TORCH_LIBRARY(shop, m) {\n  m.def("tax(Tensor x) -> Tensor", tax);\n}\n')
    words = (path, "--sizes", "x86_64", "--ops-source", own, "--what-if", "drop=shop::tax")
    document = asked(capsys, *words)
    predicted = document["prediction"]
    assert predicted["unknown"] == ["shop::tax"]
    assert predicted["most"] - predicted["bytes"] > predicted["bytes"] - predicted["least"]
    assert document["what_if"][0]["difference"] < 0
    assert main(["inspect", *map(str, words)]) == 0
    assert "  nothing is known of shop::tax: " in capsys.readouterr().out


def test_nothing_is_cut_that_cpp_of_the_users_own_may_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[Question] = []

    def remember(question: Question) -> None:
        questions.append(question)

    monkeypatch.setattr(sizing, "predict_size", remember)
    own = tmp_path / "tax.cpp"
    own.write_text('TORCH_LIBRARY(shop, m) {\n  m.def("tax(Tensor x) -> Tensor", tax);\n}\n')
    path = tmp_path / "net.ptl"
    code = forge.bytecode(forge.function(operators=(*OPERATORS, ("shop::tax", "", 1))))
    forge.write(path, {**forge.lite(), "bytecode.pkl": code})
    for model in (path, write(tmp_path / "plain.ptl")):
        asked(capsys, model, "--sizes", "x86_64", "--ops-source", own)
    with_own, without = questions
    assert [it.name for it in with_own.extension] == ["operators:tax.cpp"]
    assert without.extension == ()


def test_settings_that_were_not_measured_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_RUNTIME_MESSAGES", "full")
    monkeypatch.setenv("BUILD_RUNTIME_DTYPES", "Float,Half")
    model = write(tmp_path / "net.ptl")
    predicted = asked(capsys, model, "--sizes", "x86_64")["prediction"]
    assert predicted["unmeasured"] == [
        "kernels for Half", "no kernels for Bool, Byte, Double, Int, Long", "messages full"
    ]  # fmt: skip
    assert main(["inspect", str(model), "--sizes", "x86_64"]) == 0
    assert "not measured: kernels for Half; no kernels for" in capsys.readouterr().out


def test_another_goal_keeps_the_instruction_sets_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_RUNTIME_ISA", "few")
    words = ("--sizes", "x86_64", "--what-if", "optimize=speed")
    (change,) = asked(capsys, write(tmp_path / "net.ptl"), *words)["what_if"]
    assert change["difference"] == 0


@pytest.mark.parametrize("more", [["--methods"], ["--converted"], ["--diff", "net.ptl"]])
def test_sizes_are_asked_for_alone(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--sizes", "x86_64", *more, "--", __file__]) == 2
    assert "--sizes predicts what files ask for" in capsys.readouterr().err
