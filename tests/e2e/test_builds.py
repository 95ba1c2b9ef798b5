"""Every example becomes a runtime that answers as desktop torch does."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jsonschema
import pytest

from builder.foundation.elf import read_elf
from builder.foundation.resources import DATA
from builder.toolchains.zig import find_zig
from builder.vocabulary.targets import Abi, abi_facts
from tests.documents import validate
from tests.e2e.real import (
    CLASSIFIER,
    CLASSIFIER_SHAPE,
    COUNT_PROCESSES,
    EMULATORS,
    Runtime,
    Tool,
    built,
    objects,
)
from tests.places import ROOT

Make = Callable[[str, str], Runtime]

SLOW: Final = pytest.mark.slow
BUILDS: Final = [
    pytest.param("mobilenet_v2", "arm64-v8a"),
    pytest.param("classifier", "arm64-v8a"),
    pytest.param("classifier", "x86_64"),
    pytest.param("control_flow", "x86_64"),
    pytest.param("classifier", "armeabi-v7a"),
    *(
        pytest.param(name, "x86_64", marks=SLOW)
        for name in ("mobilenet_v2", "lstm_text", "image_bytes", "two_models", "quantized")
    ),
    *(
        pytest.param(name, "arm64-v8a", marks=SLOW)
        for name in ("control_flow", "lstm_text", "image_bytes", "two_models", "quantized")
    ),
    pytest.param("classifier", "x86", marks=SLOW),
]
"""What takes another cold build, or minutes of its own, is `slow`: CI does without."""

OPERATORS: Final = {"classifier": 6, "mobilenet_v2": 6, "lstm_text": 16, "control_flow": 28,
                    "image_bytes": 14, "quantized": 23, "two_models": 21}  # fmt: skip
"""As they run: rewritten for speed."""


@pytest.mark.parametrize(("name", "abi"), BUILDS)
def test_an_example_runs_in_its_runtime(
    name: str, abi: str, runtime: Make, require: Callable[[str], Path]
) -> None:
    if abi in EMULATORS:
        require(EMULATORS[abi])
    made = runtime(name, abi)
    assert len(made.summary["operators"]) == OPERATORS[name]
    assert made.check("elf policy")["outcome"] == "passed"
    assert made.check("registered operators")["outcome"] == "passed"
    models = ("classifier", "lstm_text") if name == "two_models" else ("model",)
    for model in models:
        check = made.check("outputs", model)
        assert (check["outcome"], check["cases"]) == ("passed", 1)
        assert check["runner"] in ("natively", f"under {EMULATORS.get(abi, '')}")
        assert made.model(model).is_file()
    assert read_elf(made.library).machine == abi_facts(Abi(abi)).elf_machine


@pytest.mark.parametrize(("name", "abi"), [("classifier", "x86_64"), ("mobilenet_v2", "arm64-v8a")])
def test_the_manifest_tells_what_was_done(name: str, abi: str, runtime: Make) -> None:
    made = runtime(name, abi)
    schema = json.loads((DATA / "schemas" / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(made.manifest, schema)
    assert [it["name"] for it in made.manifest["operators"]] == made.summary["operators"]
    assert made.manifest["source"]["version"] == "2.6.0"
    assert made.manifest["result"]["size"]["stripped"] == made.library.stat().st_size
    with tarfile.open(made.archive) as archive:
        packed = {it.name for it in archive if it.isfile()}
    unpacked = {str(it.relative_to(made.prefix)) for it in made.prefix.rglob("*") if it.is_file()}
    assert packed == unpacked
    told = {it["path"] for it in made.manifest["result"]["files"]}
    assert told | {"share/build_runtime/manifest.json"} == packed


def test_other_dtypes_compile_few_files(tool: Tool, runtime: Make, tmp_path: Path) -> None:
    """Most objects ask for no dtype. Where one did, it would not have compiled (mini_torch)."""
    runtime("classifier", "x86_64")
    words = (CLASSIFIER, "--abi", "x86_64", "--dtypes", "Bool,Float,Half,Long,Short", "--json")
    (target,) = tool.run("plan", *words, cwd=tmp_path).document["targets"]
    assert target["reuse"] >= 2 * target["compile"]


def test_a_flatbuffer_is_built_as_the_archive_made_of_it(tool: Tool, tmp_path: Path) -> None:
    code = (
        "import sys, torch\n"
        "model = torch.jit.load(sys.argv[1])\n"
        "model._save_for_lite_interpreter('model.ff', _use_flatbuffer=True)"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, CLASSIFIER], cwd=tmp_path, check=True
    )
    words = ("model.ff", "--abi", "x86_64", *CLASSIFIER_SHAPE, "--json")
    (made,) = built(tool.run(*words, cwd=tmp_path), tmp_path / "dist")
    assert made.check("outputs", "model")["outcome"] == "passed"
    schema = json.loads((DATA / "schemas" / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(made.manifest, schema)
    assert made.manifest["models"][0]["format"] == "flatbuffer"
    assert made.model("model").read_bytes().startswith(b"PK")


FORMER = """\
import torch, zipfile

class Former(torch.nn.Module):
    def forward(self, x, y):
        return torch.nn.functional.gelu(1.0 * torch.div(x, y))

torch.jit.script(Former())._save_for_lite_interpreter("now.ptl")
torch.save((torch.tensor([7, -7]), torch.tensor([2, 2])), "inputs.pt")
with zipfile.ZipFile("now.ptl") as now, zipfile.ZipFile("former.ptl", "w") as former:
    for record in now.infolist():
        old = record.filename.endswith("/version")
        former.writestr(record.filename, b"3\\n" if old else now.read(record))
"""


def test_operators_of_old_models_keep_their_former_meaning(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text(FORMER)
    subprocess.run([sys.executable, "-W", "ignore", "make.py"], cwd=tmp_path, check=True)
    words = ("former.ptl", "--abi", "x86_64", "--input", "inputs.pt", "--json")
    (made,) = built(tool.run(*words, cwd=tmp_path), tmp_path / "dist")
    assert "aten::div.Tensor_mode" in made.summary["operators"]
    assert made.check("outputs", "former")["outcome"] == "passed"


def test_a_runtime_tells_what_it_holds(runtime: Make) -> None:
    made = runtime("classifier", "x86_64")
    held = json.loads(made.run("--operators").stdout)
    assert set(made.summary["operators"]) <= set(held)
    assert not [it for it in set(held) - set(made.summary["operators"]) if "::" not in it]
    inside = json.loads(made.run("--manifest").stdout)
    assert [it["name"] for it in inside["operators"]] == made.summary["operators"]
    assert json.loads(made.run(made.model("model"), "--methods").stdout) == ["forward"]


def test_the_same_command_again_starts_no_process(tool: Tool, tmp_path: Path) -> None:
    words = (CLASSIFIER, "--abi", "x86_64", *CLASSIFIER_SHAPE)
    first = tool.run(*words, cwd=tmp_path)
    assert "wrote: " in first.stdout
    archive = tmp_path / "dist" / "build-runtime-linux-x86_64.tar.gz"
    before = (archive.stat().st_ino, archive.stat().st_mtime_ns)
    again = subprocess.run(
        [sys.executable, "-c", COUNT_PROCESSES, tmp_path / "started", *map(str, words)],
        cwd=tmp_path, env=tool.env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "up to date: " in again.stdout
    assert not (tmp_path / "started").read_text()
    assert (archive.stat().st_ino, archive.stat().st_mtime_ns) == before
    assert again.stdout.replace("up to date", "wrote") == first.stdout


def test_a_result_that_was_changed_is_made_again(tool: Tool, tmp_path: Path) -> None:
    words = (CLASSIFIER, "--abi", "x86_64", *CLASSIFIER_SHAPE)
    tool.run(*words, cwd=tmp_path)
    archive = tmp_path / "dist" / "build-runtime-linux-x86_64.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:1000])
    assert "wrote: " in tool.run(*words, cwd=tmp_path).stdout
    assert archive.read_bytes() == whole


def test_one_command_serves_several_abis(
    tool: Tool, tmp_path: Path, runtime: Make, require: Callable[[str], Path]
) -> None:
    require(EMULATORS["arm64-v8a"])
    words = (CLASSIFIER, *CLASSIFIER_SHAPE, "--abi", "x86_64,arm64-v8a", "--json")
    done = tool.run(*words, cwd=tmp_path)
    for made in built(done, tmp_path / "dist"):
        alone = runtime("classifier", made.abi)
        assert made.archive.read_bytes() == alone.archive.read_bytes(), made.abi
        assert made.summary["objects"]["compiled"] == 0


def test_a_lite_model_is_taken_as_it_is(tool: Tool, tmp_path: Path, runtime: Make) -> None:
    """The `.ptl` that ships can be built for again, and gives the same library."""
    first = runtime("classifier", "x86_64")
    words = (first.model("model"), "--abi", "x86_64", *CLASSIFIER_SHAPE, "--json")
    (made,) = built(tool.run(*words, cwd=tmp_path), tmp_path / "dist")
    assert made.check("outputs", "model")["outcome"] == "passed"
    assert made.library.read_bytes() == first.library.read_bytes()
    assert made.model("model").read_bytes() == first.model("model").read_bytes()


def test_another_installation_uses_the_same_objects(
    tool: Tool, tmp_path: Path, runtime: Make
) -> None:
    """Where program and compiler are installed decides nothing: the cache outlives them."""
    first = runtime("classifier", "x86_64")
    for name in ("builder", "cmake", "native", "templates"):
        shutil.copytree(ROOT / name, tmp_path / "elsewhere" / name)
    shutil.copy(ROOT / "LICENSE", tmp_path / "elsewhere")
    compiler = tmp_path / "elsewhere" / "ziglang"
    shutil.copytree(find_zig().path.parent, compiler, copy_function=shutil.copy)  # with new times
    before = objects(tool)
    elsewhere = Tool(tool.cache, tmp_path / "elsewhere")
    words = (CLASSIFIER, "--abi", "x86_64", *CLASSIFIER_SHAPE, "--json")
    (made,) = built(elsewhere.run(*words, cwd=tmp_path), tmp_path / "dist")
    after = objects(tool)
    again = [path for path, when in before.items() if after[path] != when]
    assert not [path for path in again if "native.dir" not in path.parts]
    assert made.summary["archive_sha256"] == first.summary["archive_sha256"]


def test_two_builds_at_once_share_a_cache(
    tool: Tool, example: Callable[[str], Path], tmp_path: Path
) -> None:
    running = []
    for name in ("control_flow", "classifier"):
        folder = example(name)
        (tmp_path / name).mkdir()
        words = (folder / "model.pt", "--abi", "x86_64", "--input", folder / "inputs.pt")
        running.append(tool.start(*words, cwd=tmp_path / name))
    for process in running:
        stdout, stderr = process.communicate(timeout=3600)
        assert process.returncode == 0, stderr
        assert "passed   outputs" in stdout


@pytest.mark.parametrize(
    ("words", "called"), [(("inspect",), 7), (("plan", "--abi", "x86_64"), OPERATORS["classifier"])]
)
def test_questions_compile_nothing(
    words: tuple[str, ...], called: int, tool: Tool, tmp_path: Path
) -> None:
    command, *options = words
    done = tool.run(command, CLASSIFIER, *options, "--json", cwd=tmp_path)
    validate(command, done.document)
    operators = done.document if command == "inspect" else done.document["targets"][0]
    assert len(operators["operators"]) == called
    assert not list(tmp_path.iterdir())


def test_the_report_accounts_for_every_byte(tool: Tool, tmp_path: Path, runtime: Make) -> None:
    made = runtime("mobilenet_v2", "arm64-v8a")
    for artifact in (made.archive, made.prefix):
        report = tool.run("report", artifact, "--json", cwd=tmp_path).document
        assert report["stripped"] == made.library.stat().st_size
        for rows in (report["sections"], report["components"], report["objects"]):
            assert sum(it["size"] for it in rows) == report["stripped"]
