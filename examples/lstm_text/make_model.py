"""Write a text classifier (embedding, LSTM, linear), scripted, with arguments to run it on."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

VOCABULARY = 2000
CLASSES = 4


class TextClassifier(nn.Module):
    """Read token numbers one after another; classify by what the LSTM remembers at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return log probabilities, N x 4, of token numbers (int64), N x any length."""
        _, (hidden, _) = self.lstm(self.embedding(tokens))
        return torch.log_softmax(self.head(hidden[-1]), dim=1)


def make_inputs() -> tuple[Tensor]:
    """Return the arguments of one call, the same on every machine."""
    generator = torch.Generator().manual_seed(1)
    return (torch.randint(1, VOCABULARY, (1, 12), generator=generator),)


def make_model() -> torch.jit.ScriptModule:
    """Return the scripted model with seeded, untrained weights."""
    torch.manual_seed(0)
    return torch.jit.script(TextClassifier().eval())


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
