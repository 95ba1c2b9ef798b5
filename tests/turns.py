"""Models that keep state, and models that only look as if they did: which runs may overlap?

Each warns once where two threads are to meet. Their names say what they do.
"""

import warnings
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Model(nn.Module):
    """What all have: buffers, a list, a number."""

    total: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("variance", torch.ones(1))
        self.conv = nn.Conv2d(1, 1, 1)
        self.seen: list[int] = [0]
        self.steps = 0


class WritesWhatItMade(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028  TorchScript knows no stacklevel
        made = functional.relu(self.conv(x), inplace=True)
        view = made.view(-1)
        view += 1
        names: list[int] = []
        names.append(view.size(0))
        rows = torch.zeros(2, 3)
        for row in range(names[0] - 2):
            rows[row] = row
        return made


class WritesItsArgument(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        return functional.relu(x, inplace=True)


class Normalises(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        made = functional.batch_norm(x, self.mean, self.variance)
        made += 1
        return made


class Trains(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        return functional.batch_norm(x, self.mean, self.variance, training=True)


class SetsAnAttribute(_Model):
    def forward(self, x: Tensor) -> int:
        warnings.warn("meet")  # noqa: B028
        self.steps += x.size(0)
        return self.steps


class WritesABuffer(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        self.total += x.size(0)
        return self.total.clone()


class WritesAViewOfABuffer(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        view = self.total.view(-1)
        view += x.size(0)
        return view.clone()


class AppendsToAnAttribute(_Model):
    def forward(self, x: Tensor) -> int:
        warnings.warn("meet")  # noqa: B028
        self.seen.append(x.size(0))
        return len(self.seen)


class WritesOneOfTwo(_Model):
    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        chosen = self.total if x.size(0) > 1 else self.total.clone()
        chosen += 1
        return chosen.clone()


class WritesItsOwnOrAnother(_Model):
    """A register that two instructions store to."""

    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("meet")  # noqa: B028
        chosen = torch.zeros(3)
        for _ in range(x.size(0)):
            chosen += 1
            chosen = self.total
        return chosen.clone()


MODELS: Final[Mapping[type[nn.Module], bool]] = {
    WritesWhatItMade: False,
    WritesItsArgument: False,
    Normalises: False,
    Trains: True,
    SetsAnAttribute: True,
    WritesABuffer: True,
    WritesAViewOfABuffer: True,
    AppendsToAnAttribute: True,
    WritesOneOfTwo: True,
    WritesItsOwnOrAnother: True,
}
"""Each model, and whether it keeps state: then its runs take turns."""


class Tally(nn.Module):
    """Counts its runs in two ways; a run that is lost, or torn, shows in the next."""

    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += x.dim()
        self.total += x.dim()
        return torch.stack([self.total, torch.full([3], float(self.steps))]).clone()
