"""The commands that fuzz, without a runtime: how they end, and what they count."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sanitizers import build, fuzz, fuzz_run

PLACE = "a.cpp:1:2: runtime error: signed integer overflow: 1 + 1"


def program(folder: Path, *lines: str) -> Path:
    """Write a program in place of a fuzzer."""
    made = folder / "program"
    made.write_text("\n".join(("#!/bin/sh", *lines)), encoding="utf-8")
    made.chmod(0o755)
    return made


def start(monkeypatch: pytest.MonkeyPatch, fuzzer: Path, folder: Path) -> int:
    """Run the command with a program in place of the fuzzer, and no runtime."""
    for name in ("build", "write_seeds", "write_targets"):
        monkeypatch.setattr(fuzz_run, name, lambda *_: {})
    monkeypatch.setattr(fuzz_run, "compile_target", lambda *_: fuzzer)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["fuzz_run", str(folder / "fuzzed"), "--seconds", "1"])
    return fuzz_run.main()


def test_a_fuzzer_that_did_not_run_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(monkeypatch, program(tmp_path, "exit 1"), tmp_path) == 1
    assert str(tmp_path / "fuzzed" / "fuzzer.log") in capsys.readouterr().out
    assert start(monkeypatch, program(tmp_path, "echo '#8: cov: 1'"), tmp_path) == 0
    assert "8 runs, 0 findings" in capsys.readouterr().out


def test_what_is_undefined_is_counted_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = "${ASAN_OPTIONS##*log_path=}.$$"
    fuzzer = program(tmp_path, f"echo '{PLACE}' > {log}", "echo '#8: cov: 1'")
    for _ in range(2):
        start(monkeypatch, fuzzer, tmp_path)
        assert "     1 a.cpp:1:2: runtime error: signed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("main", "words"),
    [(fuzz.main, []), (fuzz_run.main, ["FOLDER"]), (build.main, ["address"])],
)
def test_a_command_without_a_cache_says_what_to_set(
    main: Callable[[], object], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BUILD_RUNTIME_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit, match="set BUILD_RUNTIME_CACHE_DIR"):
        main()


def test_inputs_that_no_target_reads_are_named(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    for name, data in (("known", b"aten::add.Tensor\nvalues"), ("unknown", b"aten::ad\nvalues")):
        (found / name).write_bytes(data)
    (tmp_path / "targets").write_text("aten::add.Tensor\tmodel\tmethod\n", encoding="utf-8")
    assert fuzz_run.unread(found, {"FUZZ_TARGETS": str(tmp_path / "targets")}) == ["unknown"]
