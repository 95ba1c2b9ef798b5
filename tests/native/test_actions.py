"""The steps of our action for GitHub, run as plain shell with the variables that a runner sets."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from builder import VERSION
from builder.foundation.settings import DEFINITIONS, VARIABLES
from builder.vocabulary.targets import Abi
from tests.docs.pages import block, table
from tests.places import ROOT, STEERING
from tests.unit.models import forge

ACTION: Final = ROOT / ".github" / "actions" / "build-runtime"
INPUT: Final = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
OUTPUTS: Final = re.compile(r"^([\w-]+)(?:=(.*)|<<(.+)\n((?:.*\n)*?)\3)$", re.MULTILINE)

BUILT: Final = {
    "version": 1,
    "targets": [
        {
            "target": "linux-x86_64", "archive": "dist/build-runtime-linux-x86_64.tar.gz",
            "library_bytes": 1_234_567, "library_download_bytes": 400_000,
            "checks": [{"name": "outputs", "model": "net", "outcome": "passed"}],
        }
    ],
}  # fmt: skip
FAILED: Final = "[ 0.1 s] reading models\nerror: 100% wrong\n  looked in: here\n  fix: look again\n"

TOOL: Final = """\
#!{python}
import json, os, sys
from pathlib import Path

words = sys.argv[1:]
with Path("asked.txt").open("a") as asked:
    print(json.dumps(words), file=asked)
if words[:2] == ["cache", "key"]:
    sys.path.insert(0, {root!r})
    from builder.cli import main
    sys.exit(main(words))
name = words[0] if words[0] == "report" and "--budget" not in words else "build"
name = "budget" if "--budget" in words else name
print(Path(f"{{name}}.txt").read_text())
print(Path(f"{{name}}.errors").read_text(), end="", file=sys.stderr)
sys.exit(int(Path(f"{{name}}.code").read_text()))
"""
"""A program in the place of the tool: it answers keys itself, and the rest from files."""


@dataclass(frozen=True)
class Ended:
    """How a step ended: what it printed, its outputs, and its part of the summary."""

    code: int
    stdout: str
    outputs: Mapping[str, str]
    summary: str


@dataclass(frozen=True)
class Runner:
    """A folder in which steps run, with a `build-runtime` whose answers are scripted."""

    folder: Path

    def answer(self, name: str, text: str, code: int = 0, errors: str = "") -> None:
        (self.folder / f"{name}.txt").write_text(text)
        (self.folder / f"{name}.errors").write_text(errors)
        (self.folder / f"{name}.code").write_text(str(code))

    def asked(self) -> list[list[str]]:
        lines = (self.folder / "asked.txt").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def step(self, name: str, **given: str) -> Ended:
        """Run a step of the action as GitHub does, with these inputs."""
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        inputs = {key: it.get("default", "") for key, it in action["inputs"].items()} | given
        (step,) = (it for it in action["runs"]["steps"] if it.get("id") == name)
        for written in ("outputs", "summary"):
            (self.folder / written).write_text("")
        asked = {
            key: INPUT.sub(lambda it: inputs[it[1]], value) for key, value in step["env"].items()
        }
        kept = {key: it for key, it in os.environ.items() if not key.startswith(STEERING)}
        env = {
            **kept, **asked,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(self.folder / "temp"),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        text = (self.folder / "outputs").read_text()
        found = {it[1]: it[2] if it[3] is None else it[4].rstrip() for it in OUTPUTS.finditer(text)}
        return Ended(done.returncode, done.stdout, found, (self.folder / "summary").read_text())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    for folder in ("bin", "temp", "dist"):
        (tmp_path / folder).mkdir()
    tool = tmp_path / "bin" / "build-runtime"
    tool.write_text(TOOL.format(python=sys.executable, root=str(ROOT)))
    tool.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    forge.write(tmp_path / "net.ptl", forge.lite())
    found = Runner(tmp_path)
    found.answer("build", json.dumps(BUILT))
    found.answer("report", "c10  1,000 bytes")
    return found


GIVEN: Final = {"model": "net.ptl\n", "abi": "x86_64"}


def test_the_cache_is_keyed_by_the_tool(runner: Runner) -> None:
    ended = runner.step("key", **GIVEN, options="--input-shape\n1,3\n--messages\nfull")
    assert ended.code == 0
    assert ended.outputs["path"] == str(runner.folder / "temp/build-runtime-cache")
    key, *restore = ended.outputs["key"], *ended.outputs["restore-keys"].splitlines()
    assert len(restore) == 2
    assert all(key.startswith(it) for it in restore)
    (asked,) = runner.asked()
    assert asked[2:7] == ["net.ptl", "--abi", "x86_64", "--platform", "linux"]


def test_a_model_that_cannot_be_read_ends_the_step(runner: Runner) -> None:
    (runner.folder / "net.ptl").write_text("<html>")
    ended = runner.step("key", **GIVEN)
    assert ended.code == 3
    assert not ended.outputs
    (line,) = ended.stdout.splitlines()
    assert line.startswith("::error title=build-runtime::")
    assert "net.ptl" in line


def test_a_build_tells_its_archive_its_report_and_that_it_passed(runner: Runner) -> None:
    ended = runner.step("build", **GIVEN, options="--input-shape\n  1,3\n\n")
    assert ended.code == 0
    assert ended.outputs == {
        "artifact": "dist/build-runtime-linux-x86_64.tar.gz",
        "report": "dist/size-report.md",
        "passed": "true",
    }
    assert "| linux-x86_64 | 1,234,567 | 400,000 | outputs net | passed |" in ended.summary
    assert "c10  1,000 bytes" in ended.summary
    assert "::error" not in ended.stdout
    build, report = runner.asked()
    assert build == [
        "net.ptl", "--abi", "x86_64", "--platform", "linux", "--input-shape", "1,3",
        "--output", "dist", "--json",
    ]  # fmt: skip
    assert report == [
        "report", "dist/build-runtime-linux-x86_64.tar.gz", "--format", "markdown",
    ]  # fmt: skip


def test_several_models_are_words_of_their_own(runner: Runner) -> None:
    ended = runner.step("build", model="  net.ptl \n\na b.pt\n", abi="x86_64")
    assert ended.code == 0
    assert runner.asked()[0][:4] == ["net.ptl", "a b.pt", "--abi", "x86_64"]


def test_the_steps_use_nothing_that_the_bash_of_macos_lacks() -> None:
    """Version 3.2: without `mapfile`, and with an empty array that `set -u` takes for unset."""
    texts = {it.name: it.read_text() for it in ACTION.glob("*.sh")}
    assert texts.keys() >= {"build.sh", "install.sh", "key.sh", "words.sh"}
    for name, text in texts.items():
        code = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
        assert not re.search(r"\b(mapfile|readarray|declare -A|local -n|wait -n)\b", code), name
        assert not re.search(r"\$\{\w+(,,|\^\^|@[A-Z])", code), name
        assert set(re.findall(r"\$\{(\w+)\[@\]", code)) <= {"words"}, name


def test_a_failed_build_is_annotated_and_keeps_its_exit_code(runner: Runner) -> None:
    runner.answer("build", json.dumps({"error": {}}), 6, FAILED)
    ended = runner.step("build", **GIVEN)
    assert ended.code == 6
    assert ended.outputs == {"artifact": "", "report": "", "passed": "false"}
    (line,) = (it for it in ended.stdout.splitlines() if it.startswith("::error"))
    assert (
        line == "::error title=build-runtime::100%25 wrong%0A  looked in: here%0A  fix: look again"
    )
    assert "looked in: here" in ended.summary


def test_a_library_over_its_budget_fails(runner: Runner) -> None:
    runner.answer("budget", "a report", 7, "error: it is too large\n")
    ended = runner.step("build", **GIVEN, budget="1MB")
    assert ended.code == 7
    assert ended.outputs["passed"] == "false"
    assert "::error title=build-runtime::it is too large" in ended.stdout
    assert ended.outputs["artifact"], "it was built all the same"
    assert "--budget" in runner.asked()[-1]


def test_a_library_within_its_budget_passes(runner: Runner) -> None:
    runner.answer("budget", "{}")
    ended = runner.step("build", **GIVEN, budget="2MB")
    assert (ended.code, ended.outputs["passed"]) == (0, "true")


def test_a_report_that_fails_is_told_like_a_build_that_does(runner: Runner) -> None:
    runner.answer("report", "", 2, "error: it cannot be read\n")
    ended = runner.step("build", **GIVEN, budget="2MB")
    assert ended.code == 2
    assert ended.outputs["passed"] == "false"
    assert ended.outputs["artifact"], "it was built all the same"
    assert "::error title=build-runtime::it cannot be read" in ended.stdout
    assert "it cannot be read" in ended.summary
    assert "--budget" not in runner.asked()[-1]


def test_an_answer_that_is_none_is_told_by_its_exit_code(runner: Runner) -> None:
    runner.answer("build", "no JSON", 1, "Traceback\n")
    ended = runner.step("build", **GIVEN)
    assert ended.code == 1
    assert "build-runtime ended with exit code 1" in ended.stdout


def test_a_summary_stays_within_what_github_takes(runner: Runner) -> None:
    runner.answer("report", "é" * (1 << 20))
    ended = runner.step("build", **GIVEN)
    assert ended.code == 0
    data = ended.summary.encode()
    assert len(data) <= 1 << 20
    assert ended.summary.endswith("…\n")
    runner.answer("build", "{}", 5, f"error: {'x' * 100_000}")
    assert len(runner.step("build", **GIVEN).stdout) < 5_000


CI_PAGE: Final = ROOT / "docs" / "ci.md"


def test_the_page_uses_the_action_as_it_is() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    _, used, after = yaml.safe_load(block("jobs:").text)["jobs"]["runtime"]["steps"]
    assert used["with"].keys() <= action["inputs"].keys()
    assert action["outputs"].keys() >= set(re.findall(r"outputs\.(\w+)", str(after)))
    required = {name for name, it in action["inputs"].items() if it.get("required")}
    assert required <= used["with"].keys()
    assert {it.strip("`") for it in table(CI_PAGE, "input")} == action["inputs"].keys()
    assert {it.strip("`") for it in table(CI_PAGE, "output")} == action["outputs"].keys()


def test_the_workflow_takes_what_the_page_says() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    text = (ROOT / ".github/workflows/build-runtime.yml").read_text()
    called = yaml.safe_load(text)[True]["workflow_call"]  # YAML reads `on` as a truth
    assert called["inputs"].keys() == action["inputs"].keys() - {"output"}
    assert called["outputs"].keys() == {"passed"}
    page = " ".join(CI_PAGE.read_text().split())
    assert "with the same inputs but `output`" in page
    assert "tells `passed` alone" in page


@pytest.mark.parametrize(("tag", "code"), [(f"v{VERSION}", 0), (VERSION, 1), ("v9.9.9", 1)])
def test_a_release_has_the_tag_of_its_version(tag: str, code: int) -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["packages"]["steps"]
    (compare,) = (it["run"] for it in steps if "tag" in it.get("name", ""))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", compare],
        cwd=ROOT, env={**os.environ, "PATH": path, "GITHUB_REF_NAME": tag}, check=False,
    )  # fmt: skip
    assert ended.returncode == code


def test_a_release_has_all_that_the_packaging_tests_judge() -> None:
    """Those build the sdist and the wheel with the same command."""
    assert (
        "python -m hatchling build -d dist" in (ROOT / ".github/workflows/release.yml").read_text()
    )


def test_torch_is_the_same_wherever_it_is_installed_first() -> None:
    places = (
        ".ci/install", ".github/actions/build-runtime/install.sh",
        "templates/build-runtime/template.yml", "docs/ci.md",
    )  # fmt: skip
    found = {it: re.findall(r"torch==([\w.]+)", (ROOT / it).read_text()) for it in places}
    assert all(found.values()), found
    assert len({version for it in found.values() for version in it}) == 1, found


def test_jobs_that_share_a_cache_set_what_there_is() -> None:
    shown = yaml.safe_load(block("strategy:").text)
    assert set(shown["strategy"]["matrix"]["abi"]) == set(Abi)
    settings = {it.variable: it for it in DEFINITIONS}
    for name, value in shown["env"].items():
        if name.startswith(VARIABLES):
            settings[name].parse(value.replace("${{ matrix.abi }}", "x86"))
        else:
            assert name == "SCCACHE_REDIS_ENDPOINT"


def test_the_page_includes_the_component_as_it_is() -> None:
    head, job = yaml.safe_load_all((ROOT / "templates/build-runtime/template.yml").read_text())
    inputs = head["spec"]["inputs"]
    (included,) = yaml.safe_load(block("include:").text)["include"]
    assert included["inputs"].keys() <= inputs.keys()
    required = {name for name, it in inputs.items() if "default" not in it}
    assert required <= included["inputs"].keys()
    used = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", yaml.safe_dump(job)))
    assert used == inputs.keys()


def test_the_job_of_the_component_runs(runner: Runner) -> None:
    *_, job = yaml.safe_load_all((ROOT / "templates/build-runtime/template.yml").read_text())
    given = {"model": "net.ptl", "abi": "x86_64", "platform": "linux", "options": "--no-verify"}
    variables = {
        name: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda it: given.get(it[1], ""), value)
        for name, value in job["build-runtime"]["variables"].items()
    }
    pip = runner.folder / "bin" / "python"
    pip.unlink()
    pip.write_text('#!/bin/sh\n[ "$1 $2 $3" = "-m pip install" ]\n')
    pip.chmod(0o755)
    path = f"{runner.folder / 'bin'}:{os.environ['PATH']}"
    for line in job["build-runtime"]["script"]:
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", line],
            cwd=runner.folder, env={**variables, "PATH": path}, check=True, capture_output=True,
        )  # fmt: skip
    assert runner.asked() == [
        ["net.ptl", "--abi", "x86_64", "--platform", "linux", "--output", "dist", "--no-verify"]
    ]


def test_ci_runs_the_native_tests_where_their_programs_are() -> None:
    """With `CI` set, a test fails whose program is missing."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    for job in jobs.values():
        steps = [it["run"] for it in job["steps"] if "run" in it]
        (run,) = (it for it in steps if "native" in it) if "native" in str(steps) else ("",)
        if run:
            assert '-m "native and not slow"' in run, "those need more than .ci/packages"
        if run and "sudo .ci/packages" not in steps:
            files = [ROOT / it for it in run.split() if it.startswith("tests/")]
            asked = re.findall(r"\brequire\((.*?)\)", "".join(it.read_text() for it in files))
            assert files
            assert set(asked) <= {'"git"'}


def test_what_is_pinned_is_pinned_by_hash_and_nothing_is_permitted_by_default() -> None:
    texts = {it: it.read_text() for it in (ROOT / ".github").rglob("*.yml")}
    assert len(texts) >= 5
    for path, text in texts.items():
        uses = [it for it in re.findall(r"uses: (\S+)", text) if "/" in it and "@" in it]
        loose = [it for it in uses if not re.fullmatch(r"[\w./-]+@([0-9a-f]{40}|COMMIT)", it)]
        assert not loose, path
        document: dict[str, Any] = yaml.safe_load(text)
        if path.parent.name == "workflows":
            assert document["permissions"] == {}, path
