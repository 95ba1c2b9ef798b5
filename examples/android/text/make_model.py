"""Train a model that tells what a sentence is meant to be; write it with its words beside.

It takes a second: the sentences are below. A model of your own takes its place if it answers with
probabilities, and its file has `labels.txt` and `vocabulary.txt`.
"""

import argparse
import re
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

UNKNOWN: Final = 0
FORGOTTEN: Final = 0.1
"""Words that training makes unknown, as apps will meet such ones."""

WORD: Final = re.compile("[a-z']+")

SENTENCES: Final = {
    "greeting": (
        "hello", "hello there", "hi", "hi everyone", "good morning", "good evening to you all",
        "hey, nice to see you", "welcome back", "greetings from the whole team",
    ),
    "farewell": (
        "goodbye", "bye", "see you tomorrow", "see you later", "good night", "take care",
        "until next time", "I have to leave now", "farewell, my friend",
    ),
    "thanks": (
        "thank you", "thanks a lot", "many thanks for your help", "I am very grateful",
        "thank you so much for this", "I appreciate it", "thanks, that was kind of you",
    ),
    "question": (
        "where is the station", "what time is it", "how does this work", "why is it so slow",
        "who wrote this book", "when does the train leave", "which one do you like",
        "can you tell me how to get there", "what do you mean",
    ),
    "complaint": (
        "this does not work", "it is broken again", "the food was cold and bad",
        "I am not happy with the service", "this is terrible", "my order never arrived",
        "the app is slow and crashes", "I want my money back", "that was awful",
    ),
    "praise": (
        "this is great", "I love it", "what a wonderful idea", "well done", "excellent work",
        "the food was delicious", "it works perfectly", "the best service I ever had",
        "that was beautiful",
    ),
}  # fmt: skip


class Reader(nn.Module):
    """The mean of what is known of each word, then a linear layer."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words + 1, 24)
        self.head = nn.Linear(24, len(SENTENCES))

    def forward(self, ids: Tensor) -> Tensor:
        """Return probabilities, N x labels, of words' numbers (int64), N x any length but 0."""
        return torch.softmax(self.head(self.embedding(ids).mean(1)), dim=1)


def make_vocabulary() -> list[str]:
    """Return the words of all sentences, in order: the first has number 1."""
    texts = (it for texts in SENTENCES.values() for it in texts)
    return sorted({word for text in texts for word in WORD.findall(text.lower())})


def ids_of(text: str, vocabulary: list[str]) -> list[int]:
    """Return the numbers of a text's words: at least one."""
    numbers = {word: at for at, word in enumerate(vocabulary, 1)}
    return [numbers.get(it, UNKNOWN) for it in WORD.findall(text.lower())] or [UNKNOWN]


def train(vocabulary: list[str], rounds: int = 60) -> Reader:
    """Return a trained model."""
    torch.set_num_threads(1)  # sentences are short, and threads only wait for each other
    torch.manual_seed(0)
    model = Reader(len(vocabulary))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    pairs = [(it, label) for label, texts in enumerate(SENTENCES.values()) for it in texts]
    for _ in range(rounds):
        optimizer.zero_grad()
        for text, label in pairs:
            ids = torch.tensor([ids_of(text, vocabulary)])
            ids[torch.rand(ids.shape) < FORGOTTEN] = UNKNOWN
            nn.functional.nll_loss(torch.log(model(ids)), torch.tensor([label])).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


def main() -> None:
    """Write `sentences.pt` and `sentences_inputs.pt` into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = make_vocabulary()
    extra = {"labels.txt": "\n".join(SENTENCES), "vocabulary.txt": "\n".join(vocabulary)}
    torch.jit.save(torch.jit.script(train(vocabulary)), folder / "sentences.pt", _extra_files=extra)
    ids = torch.tensor([ids_of("hello, how does this work?", vocabulary)])
    torch.save((ids,), folder / "sentences_inputs.pt")


if __name__ == "__main__":
    main()
