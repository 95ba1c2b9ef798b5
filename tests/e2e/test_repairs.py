"""Models that need repairs: one runtime for all answers as full TorchScript does."""

import importlib
import warnings
from typing import Any, Final

import pytest

from tests.e2e.real import Runtime, Tool, built

REPAIRS: Final = (
    "blocks", "forks", "devices", "numbers", "pairs", "interfaces", "containers", "padding",
    "enumerations", "objects", "tuples",
)  # fmt: skip
"""Each has a model of that name. Others may be needed in it, too."""


def classes(repair: str) -> Any:
    """Return the tests of a repair, whose models these are."""
    return importlib.import_module(f"tests.torch.models.repairs.test_{repair}")


def models() -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return a scripted or traced model for each repair, and what it is run on."""
    import torch  # noqa: PLC0415  slow to load, and only needed here

    jit: Any = torch.jit
    x = torch.tensor([1.0, -2.0])
    padded = torch.tensor([[0, 0, 0, 1], [0, 1, 1, 1]], dtype=torch.bool)
    numbers = classes("numbers").Every(torch.arange(3), 0.5)
    return {
        "blocks": (jit.script(classes("blocks").Nested()), (x, 2, True)),
        "enumerations": (
            jit.script(classes("enumerations").Embedding(classes("enumerations").Format.NHWC)),
            (x, 1),
        ),
        "objects": (jit.script(classes("objects").Detector()), (torch.rand(5, 4), 3)),
        "tuples": (jit.script(classes("named_tuples").Nested()), (x, ["ab", "c"])),
        "forks": (jit.script(classes("forks").Forking()), (x, 3)),
        "devices": (jit.script(classes("devices").Placed("cuda:0")), (x.unsqueeze(0), 2)),
        "numbers": (jit.trace(numbers, torch.arange(3)), (torch.arange(3),)),
        "pairs": (jit.script(classes("pairs").Pyramid()), (x, ["b", "a"])),
        "interfaces": (jit.script(classes("interfaces").Deeper()), (x,)),
        "containers": (jit.script(classes("containers").Experts()), (x, 1, "other")),
        "padding": (
            jit.script(classes("padding").Encoding().eval()),
            (torch.rand(2, 4, 8), padded, padded),
        ),
    }


@pytest.fixture(scope="module")
def repaired(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return one runtime for all of these models, which a build proved on inputs."""
    import torch  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("repaired")
    words: list[object] = ["--abi", "x86_64", "--require-run", "--json"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates all of TorchScript
        for name, (script, inputs) in models().items():
            script.save(str(folder / f"{name}.pt"))
            torch.save(inputs, folder / f"{name}.inputs")
            words += [folder / f"{name}.pt", "--input", f"{name}={folder / name}.inputs"]
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


@pytest.mark.slow  # kernels of its own, complex ones among them: minutes
@pytest.mark.parametrize("repair", REPAIRS)
def test_a_repaired_model_answers_as_torchscript_does(repaired: Runtime, repair: str) -> None:
    assert repaired.check("outputs", repair)["outcome"] == "passed"
    (row,) = (it for it in repaired.manifest["models"] if it["name"] == repair)
    assert repair in {it["name"] for it in row["repairs"]}
