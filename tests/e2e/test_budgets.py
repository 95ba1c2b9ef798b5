"""No change makes a run longer unnoticed: instructions are counted, and have a budget.

Times would need an idle machine of each kind. Instructions are the same everywhere.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.documents import validate
from tests.e2e.real import EMULATORS, Runtime, Tool, built
from tests.measured import write

BUDGETS: Final = Path(__file__).with_name("budgets.toml")
ABI: Final = "arm64-v8a"
SPARE: Final = 1.03
EXAMPLES: Final = ("mobilenet_v2", "quantized")
LAYERS: Final = ("encoder", "tagger")

Make = Callable[[str, str], Runtime]


def budgets() -> dict[str, int]:
    """Return the instructions that a run of each model may execute; 0 asks for a budget."""
    table: dict[str, int] = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))[ABI]
    return table


def cases() -> list[object]:
    """Return the models of the table; what no other test builds for phones takes longer."""
    slow = dict.fromkeys(("quantized", *LAYERS), pytest.mark.slow)
    return [pytest.param(name, marks=slow.get(name, ())) for name in budgets()]


@pytest.fixture(scope="module")
def layers(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return one runtime for attention and an LSTM, which others build no runtime of."""
    folder = tmp_path_factory.mktemp("layers")
    models = [write(name, folder) for name in LAYERS]
    words = (*models, "--abi", ABI, "--no-verify", "--json")
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


@pytest.fixture
def subject(
    name: str,
    example: Callable[[str], Path],
    runtime: Make,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> tuple[Runtime, Path, Path]:
    """Return a runtime, the model to run in it, and its inputs."""
    if name in EXAMPLES:
        folder = example(name)
        return runtime(name, ABI), folder / "model.pt", folder / "inputs.pt"
    made: Runtime = request.getfixturevalue("layers")
    return made, write(name, tmp_path), tmp_path / f"{name}.inputs"


@pytest.fixture
def measured(subject: tuple[Runtime, Path, Path], tool: Tool, tmp_path: Path) -> int:
    """Return how many instructions a run executes."""
    made, model, inputs = subject
    words = ("bench", made.prefix, model, "--input", inputs, "--instructions", "--json")
    document = tool.run(*words, cwd=tmp_path).document
    validate("bench", document)
    assert document["rows"] == []
    assert isinstance(document["instructions"], int)
    return document["instructions"]


@pytest.mark.parametrize("name", cases())
def test_a_run_takes_no_more_than_its_budget(
    name: str, measured: int, pytestconfig: pytest.Config, require: Callable[[str], Path]
) -> None:
    require(EMULATORS[ABI])
    if pytestconfig.getoption("--update-golden"):
        BUDGETS.write_text(with_budget(BUDGETS.read_text(encoding="utf-8"), name, measured))
    budget = budgets()[name]
    assert measured <= budget * SPARE, (
        f"{name}: a run executes {measured:,} instructions, {measured / budget - 1:+.1%} beside its"
        f" budget of {budget:,}. If that is worth it: pytest {BUDGETS.parent.name}/"
        f"{Path(__file__).name} --update-golden"
    )


def with_budget(text: str, name: str, instructions: int) -> str:
    """Return the table with another budget of one model."""
    line = f"{name} = {instructions:_}"
    return re.sub(rf"^{name} = .*$", line, text, flags=re.MULTILINE)
