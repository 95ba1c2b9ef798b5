"""The apps of `examples/android` answer on a JVM as their models do in desktop torch."""

import base64
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pytest
import torch

from tests.e2e.real import Tool, built
from tests.native.apps.compiling import APPS, compile_apps
from tests.native.vision.machine import build_library
from tests.native.vision.reference import Norm, Size, centre_crop, normalized, rgb_of, samples_of

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

Asking: TypeAlias = Callable[[list[str]], list[Mapping[str, float]]]

SIDE: Final = 64
TORCHVISION: Final = Norm((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NAMES: Final = {"image": "colours", "text": "sentences"}
FRAME: Final = Size(96, 72)

SEEN: Final = {
    "red": (81, 90, 240), "green": (145, 54, 34), "blue": (41, 240, 110), "yellow": (210, 16, 146),
    "white": (235, 128, 128), "black": (16, 128, 128), "grey": (126, 128, 128),
}  # fmt: skip
"""Y, U and V of colours, as BT.601 has them."""

MEANT: Final = {
    "Hello there!": "greeting",
    "Thanks for the food.": "thanks",
    "WHY does it not work?": "question",
    "Bye, see you": "farewell",
    "What a wonderful service": "praise",
    "the app is broken": "complaint",
    "": None,
    "Zürich 2024 ❤": None,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for project in NAMES:
        script = APPS / project / "make_model.py"
        subprocess.run([sys.executable, "-W", "ignore", script, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def answers(
    tool: Tool, models: Path, require: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Asking:  # fmt: skip
    """Return what asks the apps' classes, on one runtime for both models."""
    folder = tmp_path_factory.mktemp("apps")
    made = [models / f"{it}.pt" for it in NAMES.values()]
    inputs = [it for name in NAMES.values() for it in ("--input", models / f"{name}_inputs.pt")]
    done = tool.run(
        "build",
        *made,
        *inputs,
        "--abi",
        "x86_64",
        "--java",
        "on",
        "-o",
        folder,
        "--json",
        cwd=folder,
    )
    (runtime,) = built(done, folder)
    library = build_library(require("cmake"), folder / "vision")
    machine = replace(compile_apps(require, folder / "classes"), library=library)

    def ask(questions: list[str]) -> list[Mapping[str, float]]:
        told = machine.run(
            "com.example.Answers", runtime.model("colours").parent,
            libraries=(library.parent, runtime.library.parent),
            told="".join(f"{it}\n" for it in questions),
        )  # fmt: skip
        lines = [it.split() for it in told.splitlines()]
        assert len(lines) == len(questions), told
        return [dict(zip(it[::2], map(float, it[1::2]), strict=True)) for it in lines]

    return ask


def expected(models: Path, project: str, tensor: torch.Tensor) -> Mapping[str, float]:
    extra: dict[str, Any] = {"labels.txt": ""}
    model = torch.jit.load(models / f"{NAMES[project]}.pt", _extra_files=extra)  # type: ignore[no-untyped-call]
    labels = extra["labels.txt"].decode().split("\n")
    return dict(zip(labels, model(tensor)[0].tolist(), strict=True))


def assert_alike(found: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    assert found.keys() == wanted.keys()
    ordered = list(found)
    np.testing.assert_allclose(
        [found[it] for it in ordered], [wanted[it] for it in ordered], rtol=1e-4, atol=1e-5
    )
    assert sorted(found.values(), reverse=True) == list(found.values()), "the surest first"


def test_frames_of_a_colour(models: Path, answers: Asking) -> None:
    """With a few samples of another colour, which are where they were turned to."""
    generator = np.random.default_rng(1)
    questions, wanted, names = [], [], []
    for at, (name, (y, u, v)) in enumerate(SEEN.items()):
        degrees = 90 * (at % 4)
        luma = np.full(FRAME.width * FRAME.height, y, np.uint8)
        luma[generator.integers(0, luma.size, 200)] = 16
        pairs = np.tile(np.array([v, u], np.uint8), FRAME.width * FRAME.height // 4)
        data = luma.tobytes() + pairs.tobytes()
        shown = base64.b64encode(data).decode()
        questions.append(f"image\t{degrees}\t{FRAME.width}\t{FRAME.height}\t{shown}")
        wanted.append(expected(models, "image", tensor_of(data, degrees)))
        names.append(name)
    found = answers(questions)
    for name, mine, other in zip(names, found, wanted, strict=True):
        assert_alike(mine, other)
        assert next(iter(mine)) == name


def tensor_of(data: bytes, degrees: int) -> torch.Tensor:
    half = Size(FRAME.width // 2, FRAME.height // 2)
    pairs = data[FRAME.width * FRAME.height :]
    planes = (
        samples_of(data, FRAME, FRAME.width, 1),
        samples_of(pairs[1:], half, FRAME.width, 2),
        samples_of(pairs, half, FRAME.width, 2),
    )
    image = centre_crop(rgb_of(*planes), degrees, Size(SIDE, SIDE))
    return torch.from_numpy(normalized(image, TORCHVISION, "CONTIGUOUS")).view(1, 3, SIDE, SIDE)


def test_sentences(models: Path, answers: Asking) -> None:
    script: dict[str, Any] = runpy.run_path(str(APPS / "text" / "make_model.py"))
    vocabulary = script["make_vocabulary"]()
    found = answers([f"text\t{it}" for it in MEANT])
    for (text, meant), mine in zip(MEANT.items(), found, strict=True):
        ids = torch.tensor([script["ids_of"](text, vocabulary)])
        assert_alike(mine, expected(models, "text", ids))
        assert meant in {None, next(iter(mine))}, text
