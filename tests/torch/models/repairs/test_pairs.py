"""Dictionaries that are made of pairs."""

from collections import OrderedDict
from pathlib import Path

import torch

from builder.models.conversion.repairs.graphs import codes_of
from builder.models.conversion.repairs.pairs import fill_one_by_one
from tests.torch.models.repairs.converted import TORCH, convert, loaded

X = torch.tensor([1.0, -2.0])


class Pyramid(torch.nn.Module):
    """As the feature pyramid of torchvision does it."""

    def forward(self, x: torch.Tensor, names: list[str]) -> dict[str, torch.Tensor]:
        features = [x * (index + 1) for index in range(len(names))]
        return OrderedDict([(name, value) for name, value in zip(names, features)])  # noqa: B905  TorchScript


class Keys(torch.nn.Module):
    """All kinds of keys, and pairs of which the later one counts."""

    def forward(
        self, x: torch.Tensor, count: int
    ) -> tuple[dict[int, torch.Tensor], dict[float, str], dict[bool, list[int]], dict[str, int]]:
        numbers = OrderedDict([(index, x + index) for index in range(count)])
        floats = OrderedDict([(0.5, "a"), (1.5, "b")])
        bools = OrderedDict([(index > 1, [index]) for index in range(count)])
        again = OrderedDict([("a", 1), ("b", 2), ("a", 3)])
        if count > 2:
            numbers = OrderedDict([(7, x)])
        return numbers, floats, bools, again


def test_a_pyramid_answers(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Pyramid()), tmp_path)
    for names in (["a"], ["b", "a", "c"]):
        assert list(converted.agree_on(X, names)) == names
    assert converted.told() == ["dictionary of pairs filled one by one (once)"]
    assert "aten::dict.str" not in converted.names()


def test_keys_of_all_kinds(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Keys()), tmp_path)
    for count in (0, 2, 3):
        converted.agree_on(X, count)
    assert converted.told() == ["dictionary of pairs filled one by one (5 times)"]


def test_dictionaries_of_others_stay(tmp_path: Path) -> None:
    class Copied(torch.nn.Module):
        def forward(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return dict(x)

    (code,) = codes_of(loaded(TORCH.jit.script(Copied()), tmp_path))
    assert not fill_one_by_one(code)
