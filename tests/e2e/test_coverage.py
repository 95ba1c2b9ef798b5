"""The coverage models run in runtimes that hold all of them, and answer as desktop torch does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.proof.execution import find_executor, registered_operators
from builder.proof.registered import read_registered
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.coverage.faults import scaled, shifted, swapped
from tests.coverage.runs import build, run
from tests.coverage.suite import SUITES, Prepared, differences, prepare
from tests.e2e.real import BAD_MODEL, EMULATORS, Runtime, Tool, host_of
from tests.sanitizers.malformed import sparse

IN_CI: Final = (
    ("quick", Abi.X86_64),
    ("special", Abi.X86_64),
)
SLOW: Final = (
    *(("quick", abi) for abi in (Abi.ARM64_V8A, Abi.ARMEABI_V7A, Abi.X86)),
    *((suite, Abi.X86_64) for suite in ("dense", "dtypes", "quantized", "sparse")),
    *(("everything", abi) for abi in Abi),
)
"""Each takes a cold build of its own, or hundreds of kernels: a quarter of an hour, or more."""


PLUMBING: Final = {"pytorch/aten/src/ATen/native/quantized/cpu/fbgemm_utils.cpp.o"}
"""The class of quantized cells' weights, which the layers of RNN.cpp name: less than a kilobyte."""


@pytest.fixture(scope="module")
def covering(
    tool: Tool, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], tuple[Runtime, list[Prepared]]]:
    """Build the runtime of a suite for an ABI, once; it comes with what torch answers."""
    made: dict[tuple[str, str], tuple[Runtime, list[Prepared]]] = {}

    def make(suite: str, abi: str) -> tuple[Runtime, list[Prepared]]:
        if (suite, abi) not in made:
            folder = tmp_path_factory.mktemp(f"{suite}-{abi}")
            prepared = prepare(folder, SUITES[suite])
            every = SUITES[suite].all_dtypes
            runtime = build(tool, abi, prepared, folder / "dist", all_dtypes=every)
            made[suite, abi] = runtime, prepared
        return made[suite, abi]

    return make


@pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript and quantization
@pytest.mark.parametrize(
    ("suite", "abi"), [*IN_CI, *(pytest.param(*it, marks=pytest.mark.slow) for it in SLOW)]
)
def test_the_file_of_a_library_names_what_it_registers(
    suite: str,
    abi: str,
    tool: Tool,
    covering: Callable[[str, str], tuple[Runtime, list[Prepared]]],
) -> None:
    """Note [Names of registered operators]: what is read is what the running library says."""
    runtime, _ = covering(suite, abi)
    host = host_of(tool)
    executor = find_executor(make_target(Platform.LINUX, Abi(abi)), host)
    assert not isinstance(executor, str), executor
    told = registered_operators(executor, runtime.program, host)
    assert read_registered(runtime.library) == told


@pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript and quantization
@pytest.mark.parametrize(
    ("suite", "abi"), [*IN_CI, *(pytest.param(*it, marks=pytest.mark.slow) for it in SLOW)]
)
def test_every_family_of_operators_answers_as_torch_does(
    suite: str,
    abi: str,
    covering: Callable[[str, str], tuple[Runtime, list[Prepared]]],
    tmp_path: Path,
    require: Callable[[str], Path],
) -> None:
    if abi in EMULATORS:
        require(EMULATORS[abi])
    runtime, prepared = covering(suite, abi)
    failed = {it.coverage.name: found for it in prepared if (found := run(it, runtime, tmp_path))}
    assert not failed
    # the others need dtypes the suite has not
    assert len(prepared) > 0.8 * len(SUITES[suite].models)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("suite", "quantized"), [("quick", False), ("special", True)])
def test_quantized_kernels_are_in_runtimes_of_quantized_models_alone(
    suite: str, covering: Callable[[str, str], tuple[Runtime, list[Prepared]]], *, quantized: bool
) -> None:
    runtime, _ = covering(suite, "x86_64")
    report = runtime.prefix / "share/build_runtime/size-report.json"
    names = [it["name"] for it in json.loads(report.read_text(encoding="utf-8"))["objects"]]
    kernels = {it for it in names if "/native/quantized/cpu/" in it and it not in PLUMBING}
    assert bool(kernels) == quantized
    assert any("/qnnpack/" in it for it in names) == quantized


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fault", [scaled, shifted, swapped])
@pytest.mark.parametrize("layer", ["plain", "depthwise", "dilated"])
def test_a_fault_in_one_quantized_layer_is_found(
    fault: Callable[[Any], None],
    layer: str,
    covering: Callable[[str, str], tuple[Runtime, list[Prepared]]],
    tmp_path: Path,
) -> None:
    runtime, prepared = covering("special", "x86_64")
    (model,) = (it for it in prepared if it.coverage.name == "static_convolutions_per_channel")
    spoiled: Any = model.coverage.make()
    fault(getattr(spoiled, layer))
    path = tmp_path / "spoiled.ptl"
    torch.jit.script(spoiled)._save_for_lite_interpreter(str(path))
    assert differences(model, runtime.run_cases(path, model.cases, tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_a_sparse_tensor_that_lies_is_refused_where_sparse_ones_are_known(
    covering: Callable[[str, str], tuple[Runtime, list[Prepared]]], tmp_path: Path
) -> None:
    runtime, _ = covering("special", "x86_64")
    model = tmp_path / "model.ptl"
    for title, data in sparse():
        model.write_bytes(data)
        done = runtime.run(model, "--methods")
        assert done.returncode == BAD_MODEL, f"{title}: {done.returncode} {done.stderr}"
        assert "not in this runtime" not in done.stderr, title
