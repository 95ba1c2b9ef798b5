"""`source bundle`: what is carried to machines without a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option
from builder.commands.line.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """What `source bundle` takes."""

    file: Path = option(
        "--output", "FILE", "the file (default sources.tar)",
        parse=Path, default=Path("sources.tar"), short="-o",
    )  # fmt: skip
    offline: bool = flag("--offline", "never touch the network")


def _bundle(options: BundleOptions, session: Session) -> Answer:
    from builder.commands.keeping import bundling

    return bundling.bundle(options.file, session.host, session.console, offline=options.offline)


BUNDLE: Final = Command(
    name="source bundle",
    description="Write one file with every pinned archive of the sources. Builds take it with"
    " --source FILE, also where there is no network.",
    options=BundleOptions,
    run=_bundle,
)
