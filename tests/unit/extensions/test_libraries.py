"""Libraries of the user's own operators are tried before anything is built."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder.extensions.libraries import refuse_unloadable
from builder.foundation.process import Host
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Model, ModelFormat, OwnOperators
from builder.vocabulary.operators import OperatorName
from tests.conftest import FakeRunner

OWN = OwnOperators(("shop::tax(Tensor x) -> Tensor",), (Path("/side.py"),))


def model(own: OwnOperators) -> Model:
    return Model(
        name="net", source=Path("net.pt"), path=Path("net.ptl"), sha256="0", bytecode_version=8,
        format=ModelFormat.TORCHSCRIPT, operator_version=10, methods=(), classes=frozenset(),
        dtypes=frozenset(), bundled_inputs=False, own=own,
    )  # fmt: skip


def test_a_library_is_tried_once_with_the_schemas(runner: FakeRunner, host: Host) -> None:
    runner.answer(Path(sys.executable).name)
    refuse_unloadable((model(OWN), model(OWN), model(OwnOperators())), host)
    (command,) = runner.commands
    assert json.loads(command.argv[-1]) == {
        "own": {"schemas": list(OWN.schemas), "libraries": ["/side.py"]}
    }


def test_what_torch_says_of_a_library_is_told(runner: FakeRunner, host: Host) -> None:
    runner.answer(Path(sys.executable).name, stdout="OSError: no libcudart", status=1)
    with pytest.raises(UsageError) as caught:
        refuse_unloadable((model(OWN),), host)
    assert caught.value.message == "desktop torch does not take /side.py: OSError: no libcudart"
    assert "--ops-library" in caught.value.hint


def test_models_are_told_the_operators_they_call() -> None:
    both = replace(OWN, schemas=(*OWN.schemas, "shop::sum.out(Tensor x) -> Tensor"))
    assert both.of({OperatorName("shop", "tax")}) == OWN
    assert both.of(set()) == OwnOperators()
    assert both.known.unanswered == ("shop::tax", "shop::sum.out")
    assert both.unanswered == ()
    assert OwnOperators().document() == {}
