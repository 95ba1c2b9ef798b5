"""`source bundle`, `cache key`: what is carried from one machine to the next."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import flag, option, part, place
from builder.commands.line.builds import BuildOptions, request_of
from builder.commands.line.command import Command
from builder.vocabulary.errors import UsageError


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


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise UsageError(f"{text!r} is no SHA-256", hint="give its 64 hexadecimal digits")
    return text.lower()


KEY: Final = Command(
    name="cache key",
    usage="build-runtime cache key MODEL... --abi ABI[,ABI] [options]",
    description="Print what the cache of a CI service is keyed by for a build with the same"
    " options, then what it may be restored by, the best first. New weights do not change the key.",
    options=BuildOptions,
    run=_key,
    settings_of="build",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What `cache export` takes."""

    build: BuildOptions = part(BuildOptions)
    everything: bool = flag(
        "--everything", "all objects that are there for these targets and settings, not only those"
        " that the models take",
    )  # fmt: skip


def _export(options: ExportOptions, session: Session) -> Answer:
    request = request_of(options.build, session.resolved.settings)
    from builder.commands.keeping import packing

    given = session.resolved.origins["output"].origin == "--output"
    path = request.output if given else _PACK
    return packing.export(request, path, session, everything=options.everything)


_PACK: Final = Path("objects.pack")

EXPORT: Final = Command(
    name="cache export",
    usage="build-runtime cache export MODEL... --abi ABI[,ABI] [-o PACK] [options]",
    description="Write one file with the objects that a build with the same options takes, for"
    " machines that need not compile them (-o; default objects.pack). What is missing is compiled.",
    options=ExportOptions,
    run=_export,
    settings_of="build",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What `cache import` takes."""

    pack: str = place("PACK", "a file that `cache export` wrote, or its address (https://…)", str)
    sha256: str | None = option(
        "--sha256", "HASH", "what the file must be; needed for an address", parse=_sha256,
        default=None,
    )  # fmt: skip


def _import(options: ImportOptions, session: Session) -> Answer:
    from builder.commands.keeping import packing

    return packing.take(options.pack, options.sha256, session)


IMPORT: Final = Command(
    name="cache import",
    description="Keep the objects of a pack in the cache, after each hash was checked: builds take"
    " those that compiling would make.",
    options=ImportOptions,
    run=_import,
)

OF_THE_CACHE: Final = (KEY, EXPORT, IMPORT)
"""Commands of two words, the first of which is `cache`."""
