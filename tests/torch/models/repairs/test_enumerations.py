"""Enumerations: code compares names, and attributes keep what members are worth."""

from enum import Enum
from pathlib import Path

import pytest
import torch

from builder.models.conversion.repairs.graphs import codes_of
from builder.models.conversion.repairs.stand_ins.enumerations import name_members
from builder.models.conversion.repairs.table import repair
from tests.torch.models.repairs.converted import TORCH, Script, convert, loaded

X = torch.tensor([1.0, -2.0])


class Format(Enum):
    NCHW = "NCHW"
    NHWC = "NHWC"


class Other(Enum):
    NCHW = "NCHW"


class Level(Enum):
    LOW = 1
    HIGH = 1000


class Embedding(torch.nn.Module):
    """As the patch embedding of vision transformers does it."""

    layout: Format

    def __init__(self, layout: Format) -> None:
        super().__init__()
        self.layout = layout
        self.again = layout
        self.level = Level.HIGH

    def forward(self, x: torch.Tensor, count: int) -> tuple[torch.Tensor, str, int, str]:
        chosen = self.layout
        if count > 1:
            chosen = Format.NHWC
        for _ in range(2):
            if chosen != Format.NCHW:
                x = x + 1
        if chosen == self.again:
            x = x * 2
        return x, chosen.name, self.level.value, self.level.name


class Optional(torch.nn.Module):
    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        chosen: Format | None = None
        if count > 1:
            chosen = Format.NHWC
        pair = (chosen, Level.LOW)
        kept, level = pair
        if kept is not None and kept == Format.NHWC and level != Level.HIGH:
            x = x + 1
        return x


class Strangers(torch.nn.Module):
    """Members of two enumerations have one name."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if Format.NCHW == Other.NCHW:  # type: ignore[comparison-overlap]
            x = x + 1
        if Format.NCHW != Other.NCHW:  # type: ignore[comparison-overlap]
            x = x + 2
        return x


class Answering(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Level]:
        return x, Level.LOW


class Writing(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level = Level.LOW

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if self.level == Level.LOW else x

    @torch.jit.export
    def raise_level(self) -> None:
        self.level = Level.HIGH


class Keeping(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level = Level.HIGH

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1

    @torch.jit.export
    def kind(self) -> Level:
        return self.level


class Printing(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level = Level.HIGH

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print(self.level)  # noqa: T201  a scripted model prints, too
        return x + 1


class Listing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for level in [Level.LOW, Level.HIGH]:
            x = x + level.value
        return x


@pytest.mark.parametrize("layout", list(Format))
def test_members_are_compared_by_name(layout: Format, tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Embedding(layout)), tmp_path)
    for count in (1, 2):
        converted.agree_on(X, count)
    assert converted.told() == ["member of an enumeration became its name (6 times)"]
    assert not {it for it in converted.names() if it.endswith(".enum")}


def test_a_member_may_be_missing(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Optional()), tmp_path)
    for count in (1, 2):
        converted.agree_on(X, count)
    assert [it.name for it in converted.repairs] == ["enumerations"]


def test_members_of_two_enumerations_differ(tmp_path: Path) -> None:
    convert(TORCH.jit.script(Strangers()), tmp_path).agree_on(X)


@pytest.mark.parametrize("made", [Answering, Writing, Listing])
def test_what_keeps_or_answers_a_member_stays(made: type[torch.nn.Module], tmp_path: Path) -> None:
    script: Script = loaded(TORCH.jit.script(made()), tmp_path)
    before = script.code
    assert not [it.name for it in codes_of(script) if name_members(it)]
    assert script.code == before


@pytest.mark.parametrize(("made", "method"), [(Keeping, "kind"), (Printing, "forward")])
def test_a_member_that_would_be_read_as_its_worth_is_refused(
    made: type[torch.nn.Module], method: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"{method} reads level, a member of an enumeration"):
        repair(loaded(TORCH.jit.script(made()), tmp_path))
