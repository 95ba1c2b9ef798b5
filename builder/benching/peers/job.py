"""What the child process of a peer is asked, and what it answers, as one line of JSON each."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from builder.benching.figures import Peer, Sample
from builder.benching.programs import Program
from builder.vocabulary.models import OwnOperators


class PeerName(StrEnum):
    """The peers that `--against` can name."""

    TORCH = "torch"
    ONNXRUNTIME = "onnxruntime"


NOT_HERE = 4
DOES_NOT_RUN = 3
"""Exit codes of the child: the peer is not installed; the model does not run in it."""


@dataclass(frozen=True, slots=True)
class Job:
    """So many rounds of a runtime and a peer in turns, each on so many threads.

    `model` is the file the user has, and `kind` says how torch loads it: see `load_original`. `own`
    are operators that it may call.
    """

    peer: PeerName
    model: Path
    kind: tuple[str, ...]
    program: Program
    threads: int
    rounds: int
    own: OwnOperators = field(default_factory=OwnOperators)

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(
            {
                "peer": self.peer,
                "model": str(self.model),
                "kind": self.kind,
                "prefix": self.program.prefix,
                "program": [str(self.program.path), str(self.program.model)],
                "inputs": str(self.program.inputs),
                "threads": self.threads,
                "rounds": self.rounds,
                **self.own.document(),
            }
        )

    @staticmethod
    def from_json(text: str) -> "Job":
        """Read what a parent wrote."""
        told = json.loads(text)
        path, model = map(Path, told["program"])
        program = Program(tuple(told["prefix"]), path, model, Path(told["inputs"]))
        return Job(
            PeerName(told["peer"]), Path(told["model"]), tuple(told["kind"]), program,
            int(told["threads"]), int(told["rounds"]), OwnOperators.parse(told),
        )  # fmt: skip


def to_json(name: str, ours: tuple[Sample, ...], theirs: tuple[Sample, ...]) -> str:
    """Return the answer of the child."""
    samples = {"ours": [it.document() for it in ours], "theirs": [it.document() for it in theirs]}
    return json.dumps({"name": name, **samples})


def from_json(text: str) -> tuple[tuple[Sample, ...], Peer]:
    """Read the answer of the child; raise `ValueError` or `KeyError` for anything else."""
    told: dict[str, Any] = json.loads(text)
    ours, theirs = (tuple(map(Sample.parse, told[name])) for name in ("ours", "theirs"))
    return ours, Peer(str(told["name"]), theirs)
