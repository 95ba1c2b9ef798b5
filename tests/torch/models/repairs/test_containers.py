"""Modules that are chosen by index or name while a model runs."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from builder.models.conversion.repairs.containers import branch_by_index
from builder.models.conversion.repairs.graphs import codes_of
from tests.torch.models.repairs.converted import TORCH, convert, loaded
from tests.torch.models.repairs.test_interfaces import Changing, Double, Twice

X = torch.tensor([1.0, -2.0])


class Experts(torch.nn.Module):
    """The same container is used twice, and one that has names."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = torch.nn.ModuleList([Double(), Twice(), Double()])
        self.named = torch.nn.ModuleDict(OrderedDict(one=Double(), other=Twice()))

    def forward(self, x: torch.Tensor, index: int, name: str) -> torch.Tensor:
        first: Changing = self.experts[index]  # type: ignore[assignment]
        second: Changing = self.named[name]  # type: ignore[assignment]
        return first.forward(x) + first.forward(second.forward(x))


def test_the_member_that_is_chosen_answers(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Experts()), tmp_path)
    for index in range(3):
        for name in ("one", "other"):
            converted.agree_on(X, index, name)
    assert str(converted.repairs[0]) == "call of a module chosen by index branches (3 times)"
    assert {it.name for it in converted.repairs} == {"containers", "interfaces"}


@pytest.mark.parametrize(("index", "name"), [(3, "one"), (-1, "one"), (0, "none")])
def test_an_index_out_of_range_is_an_error(tmp_path: Path, index: int, name: str) -> None:
    converted = convert(TORCH.jit.script(Experts()), tmp_path)
    with pytest.raises(torch.jit.Error, match="there is no module of this index"):
        converted.lite()(X, index, name)


def test_members_that_are_known_stay(tmp_path: Path) -> None:
    class Known(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList([Double(), Twice()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for part in self.parts:
                x = part(x)
            return x

    (code,) = codes_of(loaded(TORCH.jit.script(Known()), tmp_path))
    assert not branch_by_index(code)
