"""No runtime grows unnoticed: three of them have a promised size, and growth a written reason.

    python -m pytest -m e2e tests/e2e/test_promises.py --update-golden --reason "why it grows"

writes what they have now. What became smaller needs no reason.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import promised
from tests.e2e.real import Runtime, Tool, built

Make = Callable[[str, str], Runtime]


@pytest.fixture
def one_operator(tool: Tool, tmp_path: Path) -> Runtime:
    """Return the runtime of `relu` alone."""
    (tmp_path / "one.yaml").write_text("- aten::relu\n", encoding="utf-8")
    words = ("one.yaml", "--abi", "x86_64", "--no-verify", "-o", tmp_path / "dist", "--json")
    (made,) = built(tool.run(*words, cwd=tmp_path), tmp_path / "dist")
    return made


@pytest.fixture
def made(name: str, runtime: Make, request: pytest.FixtureRequest) -> Runtime:
    model, _, abi = name.partition(" ")
    if model == "one_operator":
        only: Runtime = request.getfixturevalue("one_operator")
        assert only.abi == abi
        return only
    return runtime(model, abi)


@pytest.mark.parametrize(
    "name", ["mobilenet_v2 arm64-v8a", "one_operator x86_64", "quantized x86_64"]
)
def test_a_runtime_has_the_size_that_is_promised(
    name: str, made: Runtime, pytestconfig: pytest.Config
) -> None:
    measured = made.library.stat().st_size
    assert measured == made.summary["library_bytes"]
    if pytestconfig.getoption("--update-golden"):
        reason = pytestconfig.getoption("--reason")
        promised.write(promised.renewed(promised.read(), name, measured, reason))
    assert not promised.complaint(promised.read(), name, measured), (
        "if that is worth it: pytest tests/e2e/test_promises.py --update-golden --reason TEXT"
    )
