"""What the tests of real builds share: the cache, the examples, and each runtime built once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import validate
from tests.e2e.real import (
    AS_EXPORTED,
    CLASSIFIER,
    CLASSIFIER_SHAPE,
    Runtime,
    Tool,
    built,
    shared_cache,
    write_example,
)


@pytest.fixture(scope="session")
def tool(pytestconfig: pytest.Config) -> Tool:
    """Return the command line with the cache all tests share; an empty one does."""
    return Tool(shared_cache(pytestconfig))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder with `model.pt` and `inputs.pt` of an example, made once."""
    folder = tmp_path_factory.mktemp("examples")
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = write_example(name, folder)
        return made[name]

    return make


@pytest.fixture(scope="session")
def runtime(
    tool: Tool, example: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Runtime]:
    """Build the runtime of an example for an ABI, run on its inputs; each only once."""
    made: dict[tuple[str, str], Runtime] = {}

    def make(name: str, abi: str) -> Runtime:
        if (name, abi) not in made:
            output = tmp_path_factory.mktemp(f"{name}-{abi}")
            done = tool.run(*words_for(name), "--abi", abi, "-o", output, "--json", cwd=output)
            validate("build", done.document)
            (made[name, abi],) = built(done, output)
        return made[name, abi]

    def words_for(name: str) -> tuple[object, ...]:
        if name == "classifier":
            return (CLASSIFIER, *CLASSIFIER_SHAPE)
        if name == AS_EXPORTED:
            return (CLASSIFIER, *CLASSIFIER_SHAPE, "--rewrite", "off")
        folder = example(name)
        if name != "two_models":
            return (folder / "model.pt", "--input", folder / "inputs.pt")
        names = ("classifier", "lstm_text")
        inputs = [it for each in names for it in ("--input", folder / f"{each}_inputs.pt")]
        return (*(folder / f"{each}.pt" for each in names), *inputs)

    return make
