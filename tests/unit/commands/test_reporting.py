import json
from pathlib import Path

import pytest

from builder.cli import main
from builder.commands.reporting import check_built
from builder.report.document import to_json
from builder.report.formats import FORMATS
from builder.vocabulary.sizes import Budget, Limit, Metric, SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.documents import validate
from tests.sizes import make_report

X86 = make_target(Platform.LINUX, Abi.X86_64)
OLD = make_report(X86, 2_200_000, 880_000, operators={"aten::conv2d": 200_000})
NEW = make_report(X86, 2_300_000, 900_000, operators={"aten::conv2d": 200_000, "aten::mm": 90_000})
BUDGETS = """\
[tool.build-runtime.budgets]
download = "1MB"
[tool.build-runtime.budgets.linux-x86_64]
installed = ["2MB", { limit = "2.25MB", reason = "products of matrices" }]
"""


def artifact(folder: Path, report: SizeReport) -> Path:
    place = folder / "share" / "build_runtime" / "size-report.json"
    place.parent.mkdir(parents=True)
    place.write_text(to_json(report), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    artifact(tmp_path / "new", NEW)
    (tmp_path / "old.json").write_text(to_json(OLD), encoding="utf-8")


def test_a_base_may_be_a_report_file_or_what_report_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "new", "--base", "old.json"]) == 0
    first = capsys.readouterr().out
    assert "+100,000 bytes since the base of 2,200,000" in first
    assert "operators added by model net: aten::mm" in first
    assert main(["report", "old.json", "--base", "old.json", "--json"]) == 0
    (tmp_path / "printed.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["report", "new", "--base", "printed.json"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize("form", FORMATS)
def test_reports_are_written_to_files(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "new", "--base", "old.json", "--format", form]
    assert main([*words, "-o", "report.out"]) == 0
    assert capsys.readouterr().out == "wrote report.out\n"
    assert main(words) == 0
    assert (tmp_path / "report.out").read_text(encoding="utf-8") == capsys.readouterr().out


def test_there_are_no_other_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "new", "--format", "yaml"]) == 2
    assert f"use one of {', '.join(FORMATS)}\n" in capsys.readouterr().err


def test_growth_of_the_project_waits_for_a_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    growth = '[tool.build-runtime.budgets]\ngrowth = "10kB"\ndownload = "1MB"\n'
    (tmp_path / "pyproject.toml").write_text(growth, encoding="utf-8")
    assert main(["report", "new", "--json"]) == 0
    assert [it["metric"] for it in json.loads(capsys.readouterr().out)["budgets"]] == ["download"]
    assert main(["report", "new", "--base", "old.json"]) == 7
    assert main(["report", "new", "--budget", "growth=10kB"]) == 2


def test_a_budget_that_is_exceeded_fails_with_what_grew(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "new", "--base", "old.json", "--budget", "growth=50kB"]) == 7
    told = capsys.readouterr()
    assert "linux-x86_64 exceeds its budget: growth 100,000 of 50,000 bytes" in told.err
    assert "aten::mm  +90,000  (added by net)" in told.err
    assert "Size of the runtime" in told.out
    assert main(["report", "new", "--budget", "2.3MB", "--budget", "download=1MiB"]) == 0


def test_two_budgets_of_one_metric_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "new", "--budget", "3MB", "--budget", "10"]) == 2
    assert "there are 2 budgets of installed" in capsys.readouterr().err


def test_nothing_may_be_added_to_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--base", "old.json", "--budget", "growth=0", "--json"]
    assert main(["report", "old.json", *words]) == 0
    validate("size-report", json.loads(capsys.readouterr().out))
    assert main(["report", "new", *words]) == 7
    document = json.loads(capsys.readouterr().out)
    validate("size-report", document)
    assert [(it["limit"], it["kept"]) for it in document["budgets"]] == [(0, False)]


def test_budgets_of_the_project_are_held_with_their_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(BUDGETS, encoding="utf-8")
    assert main(["report", "new", "--json"]) == 7
    document = json.loads(capsys.readouterr().out)
    validate("size-report", document)
    kept = {it["metric"]: it["kept"] for it in document["budgets"]}
    assert kept == {"installed": False, "download": True}
    assert main(["report", "old.json"]) == 0
    assert "raised to 2,250,000: products of matrices" in capsys.readouterr().out


def test_a_budget_replaces_those_of_its_metric_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(BUDGETS, encoding="utf-8")
    assert main(["report", "new", "--budget", "download=2MB", "--json"]) == 7
    budgets = json.loads(capsys.readouterr().out)["budgets"]
    told = {it["metric"]: (it["limit"], it["kept"]) for it in budgets}
    assert told == {"installed": (2_250_000, False), "download": (2_000_000, True)}
    assert main(["report", "new", "--budget", "2.3MB"]) == 0, "also in place of a target's"


def test_a_file_without_a_report_keeps_no_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.json").write_text('{"version": 2, "reports": []}', encoding="utf-8")
    for words in (["none.json", "--budget", "1"], ["new", "--base", "none.json"]):
        assert main(["report", *words]) == 2
        assert "none.json holds no size report" in capsys.readouterr().err


def test_a_build_checks_budgets_that_need_no_base(tmp_path: Path) -> None:
    places = [tmp_path / "new"]
    growth = Budget(Metric.GROWTH, (Limit(1),))
    assert check_built(places, [growth]) is None
    error = check_built(places, [growth, Budget(Metric.INSTALLED, (Limit(2_000_000),))])
    assert error is not None
    assert error.exit_code == 7
    assert "installed 2,300,000 of 2,000,000" in str(error)
    assert check_built(places, [Budget(Metric.INSTALLED, (Limit(2_300_000),))]) is None
