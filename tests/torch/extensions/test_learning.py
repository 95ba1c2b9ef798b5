"""Operators of the user's own in desktop torch: known by schema, or loaded from a library."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pytest

from builder.extensions.libraries import refuse_unloadable
from builder.extensions.reading import Extension, read_extension
from builder.foundation.process import Host
from builder.models.conversion.exported import read_exported
from builder.models.conversion.torchscript import read_model
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName
from tests.places import ROOT

CODE: Final = """\
TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensor x, float rate=0.5) -> Tensor", tax);
  m.def("tax.twice(Tensor x, int times) -> Tensor", twice);
  m.def("unused() -> int", unused);
}
"""
SIDE: Final = """\
import torch
shop = torch.library.Library("shop", "FRAGMENT")
shop.define("tax(Tensor x, float rate={rate}) -> Tensor")
shop.impl("tax", lambda x, rate=0.5: x * rate, "CPU")
"""
MAKE: Final = """\
import torch
from builder.extensions.learning import learn_operators
learn_operators({"own": {"libraries": [], "schemas": [
    "shop::tax(Tensor x, float rate=0.5) -> Tensor",
    "shop::tax.twice(Tensor x, int times) -> Tensor",
]}})

class Net(torch.nn.Module):
    def forward(self, x):
        # type: (torch.Tensor) -> torch.Tensor
        return torch.ops.shop.tax(torch.ops.shop.tax(x), 3)

torch.jit.script(Net()).save("net.pt")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    (folder / "make.py").write_text(MAKE)
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "make.py"], cwd=folder, env=environment, check=True)
    return folder / "net.pt"


@pytest.fixture
def extension(tmp_path: Path) -> Extension:
    (tmp_path / "shop.cpp").write_text(CODE)
    return read_extension([tmp_path])


def test_a_model_is_converted_by_the_schemas_alone(
    model: Path, extension: Extension, real: Host
) -> None:
    found = read_model(model, real, extension=extension)
    assert found.operators == {
        OperatorName("shop", "tax"), OperatorName("shop", "tax", "twice"),
    }  # fmt: skip
    assert len(found.own.schemas) == 2, "what it does not call is not told"
    assert found.own.unanswered == ("shop::tax", "shop::tax.twice")


def test_a_model_is_read_without_torch_as_it_is_converted(
    model: Path, extension: Extension, real: Host
) -> None:
    read, converted = (
        read_exported(model, real, extension),
        read_model(model, real, extension=extension),
    )
    assert read.path == model, "not converted"
    assert read.own == converted.own
    assert called(read) == called(converted)


def called(model: Model) -> list[list[tuple[OperatorName, int | None]]]:
    return [[(it.name, it.arguments) for it in method.operators] for method in model.methods]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SIDE.format(rate="0.5"), ""),
        (SIDE.format(rate="0.7"), "it defines shop::tax(Tensor x, float rate=0.69"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    ],
)
def test_a_library_has_to_have_the_same_schemas(
    model: Path, real: Host, tmp_path: Path, text: str, message: str
) -> None:
    side = tmp_path / "side.py"
    side.write_text(text)
    (tmp_path / "shop.cpp").write_text(CODE)
    found = read_model(model, real, extension=read_extension([tmp_path], [side]))
    with pytest.raises(UsageError) if message else nullcontext() as caught:
        refuse_unloadable((found,), real)
    assert message in str(caught and caught.value)
