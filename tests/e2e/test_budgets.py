"""No change makes a run longer unnoticed: instructions are counted, and have a budget.

Times would need an idle machine of each kind. Instructions are the same everywhere.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.vocabulary.targets import Abi, Platform, make_target, target_facts
from tests.documents import validate
from tests.e2e.real import Runtime, Tool, built
from tests.measured import write

BUDGETS: Final = Path(__file__).with_name("budgets.toml")
PHONES: Final = "arm64-v8a"
SPARE: Final = 1.03
EXAMPLES: Final = ("mobilenet_v2", "quantized")
LAYERS: Final = ("encoder", "tagger")
SLOW: Final = {(PHONES, "quantized")}
"""Its kernels are compiled for no other test of phones; on x86-64 they are."""

Make = Callable[[str, str], Runtime]


def budgets() -> dict[str, dict[str, int]]:
    """Return the instructions that a run of each model may execute on each ABI; 0 asks for one."""
    table: dict[str, dict[str, int]] = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))
    return table


def cases() -> list[object]:
    """Return the models of the table; a cold build of its own is slow."""
    return [
        pytest.param(abi, name, marks=(pytest.mark.slow,) if (abi, name) in SLOW else ())
        for abi, names in budgets().items()
        for name in names
    ]


@pytest.fixture(scope="module")
def layers(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return one runtime for attention and an LSTM, which others build no runtime of."""
    folder = tmp_path_factory.mktemp("layers")
    models = [write(name, folder) for name in LAYERS]
    words = (*models, "--abi", PHONES, "--no-verify", "--json")
    (made,) = built(tool.run(*words, cwd=folder), folder / "dist")
    return made


@pytest.fixture
def subject(  # noqa: PLR0917  each is a fixture
    abi: str,
    name: str,
    example: Callable[[str], Path],
    runtime: Make,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> tuple[Runtime, Path, Path]:
    """Return a runtime, the model to run in it, and its inputs."""
    if name in EXAMPLES:
        folder = example(name)
        return runtime(name, abi), folder / "model.pt", folder / "inputs.pt"
    made: Runtime = request.getfixturevalue("layers")
    return made, write(name, tmp_path), tmp_path / f"{name}.inputs"


@pytest.fixture
def measured(
    abi: str,
    require: Callable[[str], Path],
    subject: tuple[Runtime, Path, Path],
    tool: Tool,
    tmp_path: Path,
) -> int:
    """Return how many instructions a run executes."""
    require(target_facts(make_target(Platform.LINUX, Abi(abi))).emulator)
    made, model, inputs = subject
    words = ("bench", made.prefix, model, "--input", inputs, "--instructions", "--json")
    document = tool.run(*words, cwd=tmp_path).document
    validate("bench", document)
    assert isinstance(document["instructions"], int)
    return document["instructions"]


@pytest.mark.parametrize(("abi", "name"), cases())
def test_a_run_takes_no_more_than_its_budget(
    abi: str, name: str, measured: int, pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("--update-golden"):
        text = BUDGETS.read_text(encoding="utf-8")
        BUDGETS.write_text(with_budget(text, abi, name, measured))
    budget = budgets()[abi][name]
    assert measured <= budget * SPARE, (
        f"{name}: a run executes {measured:,} instructions on {abi}, {measured / budget - 1:+.1%}"
        f" beside its budget of {budget:,}. If that is worth it: pytest {BUDGETS.parent.name}/"
        f"{Path(__file__).name} --update-golden"
    )


def with_budget(text: str, abi: str, name: str, instructions: int) -> str:
    """Return the table with another budget of one model on one ABI."""
    head, row, rest = text.partition(f"[{abi}]")
    line = f"{name} = {instructions:_}"
    return head + row + re.sub(rf"^{name} = .*$", line, rest, count=1, flags=re.MULTILINE)
