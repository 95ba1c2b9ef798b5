"""Cases for Java: models that hand over arguments, and what torch answers to them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import jit

from tests.e2e.jvm.values import write_model


class Carrier(torch.nn.Module):
    """It answers with the arguments of a case, as a tuple, and what is expected."""

    def __init__(self, given: tuple[Any, ...], wanted: Any) -> None:
        super().__init__()
        self.given = given
        self.wanted = wanted

    def forward(self) -> Any:
        return self.given, self.wanted


def write_carriers(
    method: Any,
    cases: Sequence[tuple[Any, ...]],
    stem: Path,
) -> Iterator[Path]:
    """Write a carrier for each case that torch answers, and whose values a model can hold.

    What it cannot are lists that are empty or of several types.
    """
    for number, case in enumerate(cases):
        path = stem.with_name(f"{stem.name}.{number}.ptl")
        try:
            with torch.inference_mode(mode=False), torch.no_grad():
                given = tuple(it.clone() if isinstance(it, torch.Tensor) else it for it in case)
                carrier = Carrier(given, method(*case))
            write_model(jit.script(carrier), path)
        except (RuntimeError, TypeError, jit.Error):
            continue
        yield path
