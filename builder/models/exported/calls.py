"""How an exported program is called, as the JSON that the child process wrote."""

import json
from dataclasses import dataclass
from typing import Any

from builder.vocabulary.models import Argument, Call, SizeRange, TensorArgument


@dataclass(frozen=True, slots=True)
class Told:
    """What the child process says of a program it wrote; `examples` are titles of its inputs."""

    call: Call
    examples: tuple[str, ...]


def parse_told(text: str) -> Told:
    """Read it; raise `ValueError` for anything else."""
    try:
        document = json.loads(text)
        return Told(_call(document["call"]), tuple(map(str, document["examples"])))
    except (KeyError, TypeError) as error:
        message = f"no description of a call: {error}"
        raise ValueError(message) from error


def _call(document: dict[str, Any]) -> Call:
    return Call(
        arguments=tuple(map(_argument, document["arguments"])),
        returns=str(document["returns"]),
        sizes=tuple(SizeRange(**it) for it in document["sizes"]),
    )


def _argument(document: dict[str, Any]) -> Argument:
    return Argument(
        name=str(document["name"]),
        type=str(document["type"]),
        keyword=bool(document["keyword"]),
        tensors=tuple(
            TensorArgument(it["path"], it["dtype"], tuple(it["sizes"]))
            for it in document["tensors"]
        ),
    )
