"""`speed_benchmark_torch`: the options and the lines of PyTorch's program of that name."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import Tensor, jit

from tests.docs.pages import block
from tests.e2e.jvm.values import write_model
from tests.e2e.real import CLASSIFIER, Runtime

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

IMAGE: Final = ("--input_dims=1,3,32,32", "--input_type=float")
LINES: Final = (
    "Starting benchmark.",
    "Running warmup runs.",
    "Main runs.",
    r"Main run finished\. Microseconds per iter: [\d.e+]+\. Iters per second: [\d.e+]+",
)


class Echo(torch.nn.Module):
    """It answers with its arguments, and needs no operator."""

    def __init__(self) -> None:
        super().__init__()
        self.bundled = torch.tensor([5, 7])

    def forward(self, x: Tensor, y: Tensor) -> list[Tensor]:
        return [x, y]

    @jit.export
    def get_all_bundled_inputs(self) -> list[tuple[Tensor, Tensor]]:
        return [(self.bundled, self.bundled)]


@pytest.fixture(scope="module")
def run(runtime: Callable[[str, str], Runtime]) -> Callable[..., tuple[int, str, str]]:
    program = runtime("classifier", "x86_64").prefix / "bin/speed_benchmark_torch"

    def started(*words: object) -> tuple[int, str, str]:
        done = subprocess.run(
            [program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return started


@pytest.fixture(scope="module")
def model(runtime: Callable[[str, str], Runtime]) -> Path:
    return runtime("classifier", "x86_64").model("model")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("echo") / "echo.ptl"
    write_model(Echo(), path)
    return path


def test_the_recipe_of_pytorch_mobile_prints_its_lines(
    run: Callable[..., tuple[int, str, str]], model: Path
) -> None:
    code, told, _ = run(f"--model={model}", *IMAGE, "--warmup", "2", "--iter=5", "--report_pep")
    assert code == 0
    *plain, last = told.splitlines()
    observed = [it for it in plain if it.startswith("PyTorchObserver ")]
    assert [it for it in plain if it not in observed] == list(LINES[:-1])
    assert re.fullmatch(LINES[-1], last)
    assert len(observed) == 5
    form = r'PyTorchObserver \{"type": "NET", "unit": "us", "metric": "latency", "value": "\d+"\}'
    assert all(re.fullmatch(form, it) for it in observed)


def test_inputs_are_of_all_types_and_formats(
    run: Callable[..., tuple[int, str, str]], echo: Path
) -> None:
    code, told, _ = run(
        "--model", echo, "--input_dims=1,2,1,2;3", "--input_type=uint8_t;int64",
        "--input_memory_format=channels_last;contiguous_format", "--print_output=true",
    )  # fmt: skip
    assert code == 0
    assert told.splitlines()[:9] == [
        "[(1,1,.,.) = ", " 1 1", "(1,2,.,.) = ", " 1 1", "[ CPUByteType{1,2,1,2} ],  1", " 1", " 1",
        "[ CPULongType{3} ]]", "Starting benchmark.",
    ]  # fmt: skip


def test_a_sequence_has_a_length(run: Callable[..., tuple[int, str, str]], echo: Path) -> None:
    words = ("--input_dims=2", "--input_type=float", "--pytext_len=9", "--print_output")
    code, told, _ = run(f"--model={echo}", *words)
    assert code == 0
    assert "[ 1\n 1\n[ CPUFloatType{2} ],  9\n[ CPULongType{1} ]]\n" in told


def test_inputs_may_be_bundled(
    run: Callable[..., tuple[int, str, str]], echo: Path, model: Path
) -> None:
    code, told, _ = run(f"--model={echo}", "--use_bundled_input=0", "--print_output=1")
    assert code == 0
    assert "[ 5\n 7\n[ CPULongType{2} ],  5\n 7\n[ CPULongType{2} ]]\n" in told
    assert run(f"--model={echo}", "--use_bundled_input=1")[::2] == (
        1, "Model has only 1 bundled inputs.\n",
    )  # fmt: skip
    code, _, told = run(f"--model={model}", "--use_bundled_input=0")
    assert code == 1
    assert told.startswith("Model does not have bundled inputs.  Before saving,\nuse torch.utils.")


def test_a_model_that_is_not_converted_is_refused_with_the_command(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, told, why = run(f"--model={CLASSIFIER}", *IMAGE)
    assert (code, told) == (1, "")
    assert "not a lite-interpreter model: it has no bytecode" in why
    assert f"`build-runtime {CLASSIFIER} --abi ABI`" in why


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--vulkan=true", *IMAGE], "--vulkan: this runtime has kernels for the CPU alone"),
        (["--mode=1"], "C10 flag: unrecognized commandline argument: --mode=1"),
        (["--iter"], "I am expecting a value for --iter"),
        (["--iter=many"], "C10 flag: illegal argument: --iter=many"),
        (["--no_inputs=perhaps"], "C10 flag: illegal argument: --no_inputs=perhaps"),
        (["--iter=-1"], "Number of main runs should be non negative, provided -1."),
        (["--warmup=-1"], "Number of warm up runs should be non negative, provided -1."),
        ([], "Input dims must be specified."),
        (["--input_dims=1,3"], "Input type must be specified."),
        (["--input_dims=1;1", "--input_type=float"], "dims and type should have the same number"),
        (
            ["--input_dims=1", "--input_type=float", "--input_memory_format=a;b"],
            "dims and format should have the same number",
        ),
        (["--input_dims=1", "--input_type=half"], "Unsupported input type: half"),
        (["--input_dims=1,x", "--input_type=float"], "Unsupported input dims: x"),
        (["--input_dims=1,-2", "--input_type=float"], "Unsupported input dims: -2"),
        (["--input_dims=" + "2147483647," * 3 + "9", "--input_type=float"], "out of memory"),
        (
            ["--input_dims=1,2", "--input_type=float", "--input_memory_format=channels_last"],
            "channels_last memory format only available on 4D tensors!",
        ),
        (["--input_dims=1,2", "--input_type=float"], "error: "),
        (["--no_inputs"], "'forward' needs its argument 1"),
    ],
)
def test_what_cannot_be_timed_is_told(
    run: Callable[..., tuple[int, str, str]], model: Path, words: list[str], why: str
) -> None:
    code, told, found = run(f"--model={model}", *words)
    assert code == 1
    assert why in found
    assert "Main run finished" not in told


def test_help_lists_the_options(run: Callable[..., tuple[int, str, str]]) -> None:
    code, told, _ = run("--help")
    assert code == 0
    assert told.startswith("Run speed benchmark for pytorch model.\n")
    assert "    input_memory_format: " in told


def test_on_a_device_it_is_pushed_with_its_library(
    runtime: Callable[[str, str], Runtime], model: Path, tmp_path: Path
) -> None:
    """The device is a folder of this machine."""
    made, device = runtime("classifier", "x86_64"), tmp_path / "device"
    device.mkdir()
    tools = tmp_path / "dist/tools/arm64-v8a"
    tools.mkdir(parents=True)
    for path in (made.prefix / "bin/speed_benchmark_torch", made.library):
        shutil.copy(path, tools)
    (tmp_path / "dist/models").mkdir()
    shutil.copy(model, tmp_path / "dist/models/model.ptl")
    shown = block("adb push dist/tools").text.replace("1,3,224,224", "1,3,32,32")
    pushing = 'adb() { shift; if [ -d "$1" ]; then cp -r "$@"; else "$@"; fi; }\n'
    script = pushing + shown.replace("/data/local/tmp", str(device))
    done = subprocess.run(
        ["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(LINES[-1], done.stdout.splitlines()[-1])
