"""Files of all versions are read and checked as `docs/formats.md` says."""

from contextlib import suppress
from pathlib import Path

import pytest

from builder.libtorch.codegen import pinned_catalogue
from builder.models.preflight.checks import find_problems
from builder.models.preflight.interpreter import read_interpreter
from builder.models.reading.lite import read_lite
from builder.models.selection import select
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName
from tests.docs.pages import FORMATS, table
from tests.unit.models import forge, history

RELEASE = "2.6.0"


def passes(model: Model) -> bool:
    catalogue = pinned_catalogue(RELEASE)
    return not find_problems([model], select([model]), catalogue, read_interpreter(RELEASE))


def test_the_page_has_every_version() -> None:
    assert list(table(FORMATS, "file version")) == [str(it) for it in history.FILES]
    assert list(table(FORMATS, "bytecode version")) == [str(it) for it in history.BYTECODES]


@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("version", history.BYTECODES)
def test_lite_models_are_read_and_checked(version: int, *, lowered: bool, tmp_path: Path) -> None:
    model = None
    with suppress(ModelError):
        records = history.lite(version, lowered=lowered)
        model = read_lite(forge.write(tmp_path / "net.ptl", records))
    found = (model is not None, model is not None and passes(model))
    _, *told = table(FORMATS, "bytecode version")[str(version)]
    assert [*found, *found] == [it == "yes" for it in told]
    if model is not None:
        assert model.bytecode_version == version
        assert OperatorName("aten", "linear") in model.operators
        assert sum(it.size for it in model.weights) == 2 * len(forge.FLOATS)


def test_version_four_without_a_schema_is_checked(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "net.ptl", history.lite(4, schema=False))
    assert passes(read_lite(path))
