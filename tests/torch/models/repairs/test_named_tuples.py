"""Named tuples: those that no lite interpreter reads become plain ones."""

from pathlib import Path
from typing import NamedTuple, Optional

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from builder.models.conversion.repairs.graphs import codes_of
from builder.models.conversion.repairs.stand_ins.named_tuples import forget_names
from tests.torch.models.repairs.converted import TORCH, Converted, convert, loaded


class Pair(NamedTuple):
    x: torch.Tensor
    name: str


class Answer(NamedTuple):
    pairs: list[Pair]
    best: Optional[Pair]  # noqa: UP045  TorchScript


class Recurrent(torch.nn.Module):
    """As people pack batches of texts and sounds."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.gru = torch.nn.GRU(8, 2, batch_first=True)

    def forward(
        self, x: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = self.lstm(packed)
        hidden, last = self.gru(hidden)
        padded, counts = pad_packed_sequence(hidden, batch_first=True)
        return padded, counts, last


class Nested(torch.nn.Module):
    def forward(self, x: torch.Tensor, names: list[str]) -> tuple[torch.Tensor, str]:
        pairs = [Pair(x * len(it), it + "!") for it in names]
        best: Optional[Pair] = None  # noqa: UP045  TorchScript
        if len(pairs) > 1:
            best = pairs[1]
        by_name = {it.name: (index, it) for index, it in enumerate(pairs)}
        answer = Answer(pairs, best)
        chosen = answer.best
        if chosen is None:
            chosen = by_name[names[0] + "!"][1]
        return chosen.x + answer.pairs[0].x, chosen.name


class Alone(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Pair:
        return Pair(x, "x")


class Both(torch.nn.Module):
    """One inside of another type, and one that is answered alone."""

    def forward(self, x: torch.Tensor) -> Pair:
        pairs = [Pair(x, "x"), Pair(x + 1, "y")]
        return pairs[1]


class Answering(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> list[Pair]:
        return [Pair(x, "x")]


class Given(torch.nn.Module):
    def forward(self, x: PackedSequence) -> torch.Tensor:
        return x.data * 2


def test_sequences_are_packed_and_padded(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Recurrent().eval()), tmp_path)
    for lengths in ([5, 2], [1, 4]):
        converted.agree_on(torch.randn(2, 5, 3), torch.tensor(lengths))
    assert [it.name for it in converted.repairs] == ["tuples"]
    assert not unreadable(converted)


def test_named_tuples_may_be_inside_of_other_types(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Nested()), tmp_path)
    for names in (["a"], ["ab", "c"]):
        converted.agree_on(torch.randn(2), names)
    assert not unreadable(converted)


def test_one_that_is_answered_alone_keeps_its_name(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Both()), tmp_path)
    x = torch.randn(2)
    answer = converted.lite()(x)
    assert torch.equal(answer.x, x + 1)
    assert answer.name == "y"
    assert not unreadable(converted)


@pytest.mark.parametrize("made", [Alone, Answering, Given])
def test_signatures_stay(made: type[torch.nn.Module], tmp_path: Path) -> None:
    (code,) = codes_of(loaded(TORCH.jit.script(made()), tmp_path))
    assert not forget_names(code)


def unreadable(converted: Converted) -> list[str]:
    return [it for method in converted.model.methods for it in method.unreadable]
