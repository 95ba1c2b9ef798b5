"""TorchScript archives: the model they hold, told without torch; damaged ones and odd ones."""

from pathlib import Path

import pytest

from builder.models.reading.lite import opened
from builder.models.torchscript.reader import read_source
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import Model, ModelFormat
from builder.vocabulary.operators import OperatorName, OperatorUse
from tests.places import EXAMPLES
from tests.unit.models import forge
from tests.unit.models.scripted import schemas

SOURCE = b"""class Net(Module):
  weight : Tensor
  def forward(self: __torch__.Net, x: Tensor) -> Tensor:
    weight = self.weight
    return torch.to(torch.add(x, weight), 5)
  def _hidden(self: __torch__.Net, x: Tensor) -> Tensor:
    return torch.neg(x)
"""


def archive(**changes: bytes) -> dict[str, bytes]:
    return forge.torchscript() | {"code/__torch__.py": SOURCE, **changes}


def hidden(expression: bytes) -> dict[str, bytes]:
    """Return the source with another expression in the method `_hidden`."""
    return {"code/__torch__.py": SOURCE.replace(b"torch.neg(x)", expression)}


def read(path: Path) -> Model | None:
    with opened(path) as found:
        return read_source(found, schemas())


def test_a_model_is_what_its_source_says(tmp_path: Path) -> None:
    path = forge.write(tmp_path / "net.pt", archive())
    model = read(path)
    assert model is not None
    assert (model.name, model.source, model.path) == ("net", path, path)
    assert (model.format, model.bytecode_version) == (ModelFormat.TORCHSCRIPT, 8)
    assert [it.name for it in model.exported] == ["__torch__.Net._hidden", "__torch__.Net.forward"]
    assert {str(it) for it in model.operators} == {
        "aten::add.Tensor", "aten::to.dtype", "aten::neg",
    }  # fmt: skip
    assert model.argument_dtypes == {"Half"}
    assert [(it.dtype, it.size) for it in model.weights] == [("Float", 16)]


def test_lines_of_a_file_that_does_not_tell_are_its_own(tmp_path: Path) -> None:
    model = read(forge.write(tmp_path / "net.pt", archive()))
    assert model is not None
    (use,) = model.methods[0].operators
    (line,) = use.lines
    assert (line.file, line.line, line.text) == (
        "code/__torch__.py", 7, "return torch.neg(x)",
    )  # fmt: skip


def test_the_example_that_ships() -> None:
    model = read(EXAMPLES / "classifier" / "model.pt")
    assert model is not None
    (forward,) = model.methods
    assert OperatorUse(OperatorName("aten", "_convolution"), 13, 3) in {
        OperatorUse(it.name, it.arguments, it.calls) for it in forward.operators
    }
    assert len(model.operators) == 7


def test_states_of_objects_inside_are_methods_too(tmp_path: Path) -> None:
    source = b"""class Packed(Module):
  def __getstate__(self: __torch__.Packed) -> Tuple[int]:
    return (torch.add(1, torch.dim(CONSTANTS.c0)),)
  def __setstate__(self: __torch__.Packed, state: Tuple[int]) -> NoneType:
    return None
class Net(Module):
  packed : __torch__.Packed
  def forward(self: __torch__.Net, x: Tensor) -> Tensor:
    return x
"""
    packed = forge.made("__torch__", "Packed", (1,))
    records = {"code/__torch__.py": source, "data.pkl": forge.module(packed=packed)}
    records |= {"constants.pkl": forge.pickled((forge.tensor(),)), "constants/0": forge.FLOATS}
    model = read(forge.write(tmp_path / "net.pt", archive() | records))
    assert model is not None
    assert [it.name.rpartition("__torch__.")[2] for it in model.methods] == [
        "Net.forward", "Packed.__getstate__", "Packed.__setstate__",
    ]  # fmt: skip
    assert model.dtypes == {"Float"}


@pytest.mark.parametrize(
    "changes",
    [
        {"code/__torch__.py": b"class Net(Module):\n  pass\n"},
        {"code/__torch__.py": b"class Other(Module):\n  pass\n"},
        {"code/__torch__.py": b"class Net(Module)\n"},
        {"constants.pkl": forge.pickled([])},
        {"data.pkl": forge.pickled(1)},
        hidden(b'torch.to(x, torch.device("cuda:0"))'),
        hidden(b"torch.cuda(x)"),
        hidden(b"torch.gelu(x)") | {"version": b"9\n"},
        {**hidden(b"torch.add(x, CONSTANTS.c0)"),
         "constants.pkl": forge.pickled((forge.tensor(sizes=(), strides=()),)),
         "constants/0": forge.FLOATS},
    ],
    ids=["methods", "class", "syntax", "constants", "module", "device", "cuda", "old", "number"],
)  # fmt: skip
def test_what_is_not_certain_is_left_to_torch(changes: dict[str, bytes], tmp_path: Path) -> None:
    assert read(forge.write(tmp_path / "net.pt", archive() | changes)) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.pkl": b"\x80\x02"}, "data.pkl: the pickle is cut off"),
        ({"version": b"11\n"}, "operator version 11"),
        ({"data/0": b""}, "data/0 is missing or too short"),
        ({"code/__torch__.py.debug_pkl": b"?"}, "is not a pickle of protocol 2"),
    ],
)
def test_damage_is_told(changes: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    path = forge.write(tmp_path / "net.pt", archive() | changes)
    with pytest.raises(ModelError, match=reason):
        read(path)


def test_deep_blocks_end_in_no_error(tmp_path: Path) -> None:
    depth = 55
    lines = [f"{'  ' * (it + 2)}if c:" for it in range(depth)]
    lines.append(f"{'  ' * (depth + 2)}y = torch.neg(x)")
    for it in reversed(range(depth)):
        lines += [f"{'  ' * (it + 2)}else:", f"{'  ' * (it + 3)}y = x"]
    head = "class Net(Module):\n  def forward(self: __torch__.Net, x: Tensor, c: bool) -> Tensor:"
    text = "\n".join((head, *lines, "    return y", "")).encode()
    model = read(forge.write(tmp_path / "net.pt", archive() | {"code/__torch__.py": text}))
    assert model is None or {str(it) for it in model.operators} == {"aten::neg"}
