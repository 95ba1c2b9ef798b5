"""Names of a source: classes, functions, constants."""

import pytest

from builder.models.formats.pickle_values import Call, Global, Storage, Tensor
from builder.models.torchscript.frontend.program import TORCHBIND
from builder.models.torchscript.signatures.kinds import TENSOR, Kind, Type, UnsureError
from builder.models.torchscript.signatures.literals import Opaque
from tests.unit.models.scripted import program

SOURCE = """class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  width : Final[int] = 3
  inner : __torch__.Net
  def forward(self: __torch__.Net, x: Tensor, n: int=2) -> Tuple[()]:
    return ()
class Hooked(Module):
  __forward_hooks__ = ["hook", ]
class Face(ModuleInterface):
  def forward(self, x: Tensor) -> Tensor:
    pass
class Colour(Enum):
  red = 1
"""
WEIGHT = Tensor(Storage("Float", "0", "cpu", 4), (4,))


def test_a_class_knows_its_attributes_and_methods() -> None:
    found = program(SOURCE).class_of(Type(Kind.CLASS, name="__torch__.Net"))
    assert list(found.attributes) == ["weight", "training", "inner"]
    assert found.attributes["inner"] == found.type
    forward = found.methods["forward"]
    assert forward.name == "__torch__.Net.forward"
    assert [it.name for it in forward.schema.arguments] == ["self", "x", "n"]
    assert forward.schema.arguments[2].default == 2
    assert forward.result == Type(Kind.TUPLE)


def test_interfaces_and_enumerations_are_types() -> None:
    made = program(SOURCE)
    assert made.named_type("__torch__.Face").kind is Kind.INTERFACE
    assert made.named_type("__torch__.Colour").kind is Kind.ENUM
    custom = made.named_type(f"{TORCHBIND}quantized.Conv2dPackedParamsBase")
    assert custom.kind is Kind.CLASS


@pytest.mark.parametrize("name", ["__torch__.Missing", "__torch__.other.Net", "__torch__.Hooked"])
def test_what_is_not_there_or_has_hooks_is_left_to_torch(name: str) -> None:
    with pytest.raises(UnsureError):
        program(SOURCE).named_type(name)


def test_constants_keep_what_they_are() -> None:
    custom = Call(Global("__torch__.torch.classes.quantized", "LinearPackedParamsBase"), ())
    made = program(SOURCE, ("é", WEIGHT, custom, 1))
    assert made.constant("c0").literal == "é"
    weight = made.constant("c1")
    assert (weight.type, weight.literal) == (TENSOR, Opaque("c1"))
    assert made.constant("c2").type.name.endswith(".LinearPackedParamsBase")
    for name in ("c3", "c4", "c-1", "x0"):
        with pytest.raises(UnsureError):
            made.constant(name)
