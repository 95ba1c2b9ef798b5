import errno
import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from builder import VERSION, cli
from builder.cli import main
from builder.commands.line.command import AnyCommand
from builder.commands.line.given import Inputs, inputs_of
from builder.commands.line.machine import CACHE, Action, CacheOptions
from builder.commands.line.registry import COMMANDS, NAMES, read
from builder.foundation.process import Host
from builder.pipeline.request import Built, Made, Request
from builder.vocabulary.dtypes import KNOWN_DTYPES
from builder.vocabulary.errors import CompileError, UsageError
from builder.vocabulary.targets import Abi, Platform, Target
from builder.vocabulary.tolerances import Limits
from tests.unit.models import forge

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty directory, with no settings of the user."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BUILD_RUNTIME_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(forge.write(tmp_path / "net.ptl", forge.lite()))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, Host]]:
    """Let the pipeline answer at once; return what it was asked."""
    asked: list[tuple[Request, Host]] = []

    def run(request: Request, host: Host, _events: object) -> tuple[Built, ...]:
        asked.append((request, host))
        return tuple(
            built(Target(Platform.LINUX, abi), reused=abi is Abi.X86) for abi in request.abis
        )

    monkeypatch.setattr("builder.pipeline.run.run", run)
    return asked


def built(target: Target, *, reused: bool) -> Built:
    check = {"name": "outputs", "outcome": "passed", "reason": "", "model": "net",
             "runner": "natively", "cases": 2}  # fmt: skip
    skipped = {"name": "run", "outcome": "skipped", "reason": "no emulator", "model": "",
               "runner": "", "cases": 0}  # fmt: skip
    summary = {
        "target": str(target), "operators": ["aten::add.Tensor"], "checks": [check, skipped],
        "objects": {"linked": 250, "compiled": 3, "reused": 247, "packed": 0},
        "launcher": None,
        "models": [{"name": "net", "repairs": [
            {"name": "gradients", "what": "with torch.no_grad() removed", "count": 3},
        ], "rewrites": [{"name": "packing", "what": "packed", "count": 1}], "notes": ["well"]}],
    }  # fmt: skip
    archive = Path("dist/a.tar.gz")
    made = Made(target, summary, "the sizes\n")
    return Built(targets=(made,), archive=archive, prefix=Path("dist/a"), reused=reused)


def test_version(capsys: Capture) -> None:
    for option in ("--version", "-V"):
        assert main([option]) == 0
        assert capsys.readouterr().out == f"build-runtime {VERSION}\n"


def test_help_documents_the_exit_codes(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "build-runtime MODEL... --abi ABI[,ABI]" in text
    for code in ("0 ok", "1 our bug", "2 usage", "3 model", "4 toolchain", "5 compile",
                 "6 verification", "7 size", "130 interrupted"):  # fmt: skip
        assert code in text


@pytest.mark.parametrize("command", NAMES)
def test_every_command_has_help(command: str, capsys: Capture) -> None:
    assert main([*command.split(), "--help"]) == 0
    printed = capsys.readouterr()
    assert "--json" in printed.out
    assert not printed.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.name)
def test_no_two_options_of_a_command_set_the_same_value(command: AnyCommand) -> None:
    names = [action.dest for action in command.parser()._actions]
    assert len(set(names)) == len(names)


def test_without_arguments_the_help_is_shown(capsys: Capture) -> None:
    assert main([]) == 2
    assert "examples:" in capsys.readouterr().out


def test_the_arguments_are_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "argv", ["build-runtime", "--version"])
    assert main() == 0
    assert capsys.readouterr().out


def test_the_main_job_needs_no_command(
    model: str, asked: list[tuple[Request, Host]], capsys: Capture
) -> None:
    words = [model, "--abi", "arm64-v8a,x86", "--abi", "x86_64", "-j", "3", "--dtypes", "Float"]
    assert main(words) == 0
    assert main(["build", *words]) == 0
    (request, host), (again, _) = asked
    assert again == request
    assert request.models == (Path(model),)
    assert request.abis == (Abi.ARM64_V8A, Abi.X86, Abi.X86_64)
    assert (request.platform, request.output) == ("auto", Path("dist"))
    assert request.dtypes == frozenset({"Float"})
    assert request.verify
    assert not request.require_run
    assert (host.jobs, host.cache.name) == (3, "cache")
    out = capsys.readouterr().out
    told = (
        "repaired net: with torch.no_grad() removed (3 times)\n"
        "rewritten net: packed (once)\nnet: well\n"
    )
    assert out.count(f"the sizes\n\n{told}passed   outputs (net natively, 2 cases)\n") == 6
    assert "skipped  run: no emulator\n" in out
    assert "1 operators, 250 objects linked: 247 reused, 3 compiled\n" in out
    assert "wrote: dist/a.tar.gz and dist/a/\n" in out
    assert "up to date: dist/a.tar.gz and dist/a/\n" in out


def test_the_answer_for_machines_is_one_document(
    model: str, asked: list[tuple[Request, Host]], capsys: Capture
) -> None:
    assert main([model, "--abi", "x86,x86_64", "--json", "-q"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["version"] == 1
    assert [it["target"] for it in document["targets"]] == ["linux-x86", "linux-x86_64"]
    assert not printed.err
    assert asked


def test_settings_come_from_the_file_and_verbose_says_so(
    model: str, asked: list[tuple[Request, Host]], tmp_path: Path, capsys: Capture
) -> None:
    text = '[tool.build-runtime]\nabi = ["x86"]\noutput = "out"\njobs = 2\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert main([model, "-v"]) == 0
    request, host = asked[0]
    assert (request.abis, request.output, host.jobs) == ((Abi.X86,), tmp_path / "out", 2)
    told = capsys.readouterr().err
    assert "abi = x86   (pyproject.toml)\n" in told
    assert "cache-dir = " in told
    assert "($BUILD_RUNTIME_CACHE_DIR)\n" in told
    assert "source = -   (default)\n" in told


def test_inputs_belong_to_models_by_name_or_by_order(
    asked: list[tuple[Request, Host]], tmp_path: Path
) -> None:
    models = [str(forge.write(tmp_path / f"{it}.ptl", forge.lite())) for it in "ab"]
    for name in ("1.pt", "2.npz", "x=y.npz"):
        (tmp_path / name).touch()
    assert main([*models, "--abi", "x86", "--input", "1.pt", "--input", "2.npz"]) == 0
    assert main([*models, "--abi", "x86", "--input", "b=2.npz", "--input", "b=1.pt"]) == 0
    assert main([models[0], "--abi", "x86", "--input", "1.pt", "--input", "x=y.npz"]) == 0
    files = [[[path.name for path in it.files] for it in request.inputs] for request, _ in asked]
    assert files == [[["1.pt"], ["2.npz"]], [[], ["2.npz", "1.pt"]], [["1.pt", "x=y.npz"]]]


def test_inputs_of_models_of_one_name_are_told_apart_by_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.pt", "2.pt"):
        (tmp_path / name).touch()
    models = [Path("a/net.ptl"), Path("b/net.ptl")]
    monkeypatch.chdir(tmp_path)
    given = inputs_of(Inputs(files=("1.pt", "2.pt"), shapes=(), dtypes=()), models)
    assert [it.files for it in given] == [(Path("1.pt"),), (Path("2.pt"),)]
    with pytest.raises(UsageError, match=r"--input net=1\.pt: 2 models are named net"):
        inputs_of(Inputs(files=("net=1.pt",), shapes=(), dtypes=()), models)


def test_inputs_can_be_shapes(model: str, asked: list[tuple[Request, Host]]) -> None:
    shapes = ["--input-shape", "1,3,224,224", "--input-shape", "7"]
    assert main([model, "--abi", "x86", *shapes, "--input-dtype", "int64"]) == 0
    (spec,) = asked[0][0].inputs
    assert spec.shapes == ((1, 3, 224, 224), (7,))
    assert spec.dtypes == ("int64", "float32")


def test_dtypes_may_be_spelled_as_torch_or_as_aten_does(
    model: str,
    asked: list[tuple[Request, Host]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main([model, "--abi", "x86", "--dtypes", "float32,Half,INT64"]) == 0
    assert main([model, "--abi", "x86", "--dtypes", "all"]) == 0
    (tmp_path / "pyproject.toml").write_text(
        '[tool.build-runtime]\ndtypes = ["Float", "float16", "long"]\n'
    )
    assert main([model, "--abi", "x86"]) == 0
    monkeypatch.setenv("BUILD_RUNTIME_DTYPES", "int64,half,float")
    assert main([model, "--abi", "x86"]) == 0
    three = frozenset({"Float", "Half", "Long"})
    assert [it.dtypes for it, _ in asked] == [three, KNOWN_DTYPES, three, three]


@pytest.mark.parametrize("spelling", ["int64", "Long"])
def test_inputs_are_of_the_dtype_under_either_spelling(
    spelling: str, model: str, asked: list[tuple[Request, Host]]
) -> None:
    words = ["--input-shape", "7", "--input-dtype", spelling]
    assert main([model, "--abi", "x86", *words]) == 0
    assert asked[0][0].inputs[0].dtypes == ("int64",)


def test_the_run_can_be_left_out_or_required(model: str, asked: list[tuple[Request, Host]]) -> None:
    assert main([model, "--abi", "x86", "--no-verify"]) == 0
    assert main([model, "--abi", "x86", "--require-run"]) == 0
    assert [(it.verify, it.require_run) for it, _ in asked] == [(False, False), (True, True)]


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (CompileError("add.cpp does not compile", hint="read the log"), 5,
         "error: add.cpp does not compile\n  fix: read the log\n"),
        (KeyboardInterrupt(), 130, "interrupted: the same command goes on from here\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/cache/x.o"), 2,
         "error: No space left on device (/cache/x.o)\n  fix: make room or change the path"),
        (OSError("odd"), 2, "error: odd\n"),
    ],
)  # fmt: skip
def test_failures_end_with_their_exit_code(  # noqa: PLR0917
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture,
    error: BaseException, status: int, text: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("builder.pipeline.run.run", raising(error))
    assert main([model, "--abi", "x86"]) == status
    printed = capsys.readouterr()
    assert printed.err.startswith(text)
    assert "Traceback" not in printed.err
    assert not printed.out


def test_a_full_disk_is_a_document_too(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(
        "builder.pipeline.run.run", raising(OSError(errno.ENOSPC, "No space left", "/x"))
    )
    assert main([model, "--abi", "x86", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "version": 1, "error": "No space left (/x)", "looked_in": [], "exit_code": 2,
        "hint": "make room or change the path, then run the same command again",
    }  # fmt: skip


def test_what_nobody_foresaw_is_our_bug(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("builder.pipeline.run.run", raising(ZeroDivisionError("oops")))
    assert main([model, "--abi", "x86"]) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in told
    assert "please report it" in told


def test_a_reader_that_went_away_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(cli, "_dispatch", raising(BrokenPipeError()))
        assert main(["targets"]) == 0


def test_models_are_inspected_without_a_toolchain(model: str, capsys: Capture) -> None:
    assert main(["inspect", model]) == 0
    (row,) = (it for it in capsys.readouterr().out.splitlines() if "aten::add" in it)
    assert row.split()[:4] == ["aten::add", "Tensor", "1", "net"]
    assert main(["inspect", model, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (operator,) = document["operators"]
    assert (operator["name"], operator["models"]) == ("aten::add.Tensor", ["net"])
    assert operator["executed"] is None, "nothing was run"
    assert document["models"][0]["methods"][0]["operators"] == [
        {"name": "aten::add.Tensor", "arguments": 3, "calls": 1, "lines": []}
    ]


def test_a_model_may_be_named_like_a_command(
    tmp_path: Path, asked: list[tuple[Request, Host]]
) -> None:
    forge.write(tmp_path / "inspect2", forge.lite())
    assert main(["inspect2", "--abi", "x86"]) == 0
    assert asked[0][0].models == (Path("inspect2"),)


def test_targets_are_listed(capsys: Capture) -> None:
    assert main(["targets"]) == 0
    assert "linux-arm64-v8a" in capsys.readouterr().out
    assert main(["targets", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["targets"]
    assert {row["target"] for row in rows} >= {"linux-x86", "android24-arm64-v8a"}


def test_the_cache_is_shown_and_cleared(tmp_path: Path, capsys: Capture) -> None:
    kept = tmp_path / "cache" / "objects" / "x" / "a.o"
    mine = tmp_path / "cache" / "mine.txt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(2_000_000))
    mine.touch()
    assert main(["cache", "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    (row,) = document["entries"]
    assert (row["entry"], row["megabytes"]) == ("objects", "2.0")
    assert row["what"] == "compiled objects, shared by all models"
    assert main(["cache", "clear"]) == 0
    assert not kept.exists()
    assert mine.exists(), "only what builds made is removed"
    capsys.readouterr()
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'cache'}: 0.0 MB\n(nothing)\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prune"], "prune needs a limit: no size and no age is given"),
        (["clear", "--max-size", "5"], "are limits for prune, not for clear"),
        (["show", "--older-than", "3d"], "are limits for prune, not for show"),
    ],
)
def test_limits_are_for_pruning(words: list[str], told: str, capsys: Capture) -> None:
    assert main(["cache", *words]) == 2
    assert told in capsys.readouterr().err


def test_limits_of_the_cache_are_values() -> None:
    words = ["prune", "--max-size", "5G", "--older-than", "30d"]
    given = read(CACHE, words).options
    assert given == CacheOptions(
        action=Action.PRUNE, max_size=5_000_000_000, older_than=timedelta(days=30)
    )
    assert read(CACHE, []).options == CacheOptions(action=Action.SHOW)


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ((), Limits()),
        (("--exact",), Limits(exact=True)),
        (("--rtol", "1e-3", "--atol", "0"), Limits(relative=1e-3, absolute=0.0)),
    ],
)
def test_tolerances_reach_the_build(
    words: tuple[str, ...], limits: Limits, model: str, asked: list[tuple[Request, Host]]
) -> None:
    assert main([model, "--abi", "x86_64", *words]) == 0
    ((request, _),) = asked
    assert request.limits == limits


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "a little"])
def test_what_is_no_tolerance_is_refused(text: str, model: str, capsys: Capture) -> None:
    assert main([model, "--abi", "x86_64", "--atol", text]) == 2
    assert f"--atol '{text}': not a number from 0 on" in capsys.readouterr().err
