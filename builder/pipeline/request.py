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

    `bundle_models` puts the models into an AAR, where they lie beside it otherwise.
    `lists` are operator lists instead of models or besides them, `extra` lists of what the app
    calls from C++.
    """

    models: tuple[Path, ...]
    source: SourceRequest
    inputs: tuple[InputSpec, ...]
    verify: bool
    require_run: bool
    prove_twin: bool = False
    bundle_models: bool = False
    limits: Limits = field(default_factory=Limits)
    lists: tuple[Path, ...] = ()
    extra: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What one target ended with. `summary` is plain data for `--json`; `text` is for people."""

    target: Target
    summary: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What targets were packed into together: one of them, or all ABIs of a platform.

    `prefix` is the folder that the archive unpacks to, `beside` are further files. `package` is
    plain data about all targets together, None where each stands alone, and `text` how people are
    told of it.
    """

    targets: tuple[Made, ...]
    archive: Path
    prefix: Path
    beside: tuple[Path, ...] = ()
    package: dict[str, Any] | None = None
    text: str = ""
    reused: bool = False
