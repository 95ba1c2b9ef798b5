"""What commands are given, and the one shape in which they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.foundation.configuration import Resolved
from builder.foundation.console import Console
from builder.foundation.process import Host
from builder.vocabulary.errors import BuildRuntimeError


@dataclass(frozen=True, slots=True)
class Asked:
    """The files that say what a runtime holds; `extra` are lists of what the app calls from C++."""

    models: tuple[Path, ...]
    lists: tuple[Path, ...]
    extra: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """What every command is given besides its options."""

    resolved: Resolved
    host: Host
    console: Console


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found out: plain data for `--json` (without its version), text for people.

    A command that answers and fails all the same has an `error`; one whose answer explains itself
    has an exit code alone.
    """

    document: Mapping[str, Any]
    text: str
    error: BuildRuntimeError | None = None
    exit_code: int = 0
