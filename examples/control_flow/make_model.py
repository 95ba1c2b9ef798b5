"""Write a scripted model that decides by its data and answers with text, lists and a dict."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn


class PeakFinder(nn.Module):
    """Smooth a signal and find its peaks: a small step for the model, a loop over the data."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv1d(1, 1, kernel_size=5, padding=2, bias=False)
        nn.init.constant_(self.smooth.weight, 0.2)

    def forward(
        self, signal: Tensor, labels: list[str], limit: float = 0.5
    ) -> tuple[str, list[int], dict[str, float]]:
        """Find where a 1-d float signal has a local maximum above `limit`.

        Returns a sentence, the positions, and the height of each peak under the label of its
        place in `labels` (the last label serves all that follow).
        """
        heights: list[float] = self.smooth(signal.reshape(1, 1, -1)).flatten().tolist()
        positions: list[int] = []
        found: dict[str, float] = {}
        for place in range(1, len(heights) - 1):
            height = heights[place]
            if height < limit:
                continue
            if height > heights[place - 1] and height >= heights[place + 1]:
                label = labels[min(len(positions), len(labels) - 1)]
                positions.append(place)
                found[label] = height
        if len(positions) == 0:
            return "quiet", positions, found
        names = [name.upper() for name in found.keys()]  # noqa: SIM118 - TorchScript needs keys()
        return f"{len(positions)} peaks: " + ", ".join(names), positions, found

    @torch.jit.export
    def halvings(self, signal: Tensor, goal: float) -> int:
        """Count how often the signal must be halved until no value exceeds `goal`."""
        count = 0
        while bool((signal.abs() > goal).any()):
            signal = signal * 0.5
            count += 1
        return count


def make_inputs() -> tuple[Tensor, list[str], float]:
    """Return the arguments of one call, the same on every machine."""
    time = torch.linspace(0.0, 4.0, 64)
    return torch.sin(time * 6.0) * torch.exp(-time / 4.0), ["first", "second", "later"], 0.5


def make_model() -> torch.jit.ScriptModule:
    """Return the scripted model; its one weight is fixed."""
    return torch.jit.script(PeakFinder().eval())


def main() -> None:
    """Write `model.pt` and `inputs.pt` into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make_model().save(str(folder / "model.pt"))
    torch.save(make_inputs(), folder / "inputs.pt")


if __name__ == "__main__":
    main()
