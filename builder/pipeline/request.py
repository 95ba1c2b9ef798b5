"""What goes into a run, what it reports, and what comes out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from builder.compilation.output import BuildProgress
from builder.foundation.fetching.progress import Progress
from builder.foundation.settings import BuildSettings
from builder.source.request import SourceRequest
from builder.vocabulary.models import InputSpec
from builder.vocabulary.targets import Target
from builder.vocabulary.tolerances import Limits


class Events(Progress, BuildProgress, Protocol):
    """Everything a run reports while it works."""

    def note(self, text: str) -> None:
        """Say something the user should know, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(BuildSettings):
    """What the user asked for: settings, and what is built. `inputs` has one entry per model.

    `lists` are operator lists instead of models or besides them, `extra` lists of what the app
    calls from C++.
    """

    models: tuple[Path, ...]
    source: SourceRequest
    inputs: tuple[InputSpec, ...]
    verify: bool
    require_run: bool
    limits: Limits = field(default_factory=Limits)
    lists: tuple[Path, ...] = ()
    extra: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """What one target ended with. `summary` is plain data for `--json`; `text` is for people."""

    target: Target
    archive: Path
    prefix: Path
    summary: dict[str, Any]
    text: str
    reused: bool
