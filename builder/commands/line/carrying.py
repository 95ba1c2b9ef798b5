"""`source bundle`, `cache key`: what is carried from one machine to the next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option
from builder.commands.line.builds import BuildOptions, request_of
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


def _key(options: BuildOptions, session: Session) -> Answer:
    request = request_of(options, session.resolved.settings)
    from builder.commands.keeping import keys

    return keys.cache_key(request, session.host, session.console)


KEY: Final = Command(
    name="cache key",
    usage="build-runtime cache key MODEL... --abi ABI[,ABI] [options]",
    description="Print what the cache of a CI service is keyed by for a build with the same"
    " options, then what it may be restored by, the best first. New weights do not change the key.",
    options=BuildOptions,
    run=_key,
    settings_of="build",
)

OF_THE_CACHE: Final = (KEY,)
"""Commands of two words, the first of which is `cache`."""
