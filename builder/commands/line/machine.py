"""`targets`, `doctor` and `cache`: what this machine builds, has and keeps."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import option, place
from builder.commands.line.carrying import OF_THE_CACHE
from builder.commands.line.command import Command
from builder.foundation.amounts import parse_age, parse_size
from builder.vocabulary.errors import UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """The options of a command that has none."""


def _targets(options: NoOptions, session: Session) -> Answer:
    del options
    from builder.commands import diagnosis

    rows = diagnosis.targets(session.resolved.settings.build, session.host)
    return Answer({"targets": rows}, diagnosis.table(rows))


TARGETS: Final = Command(
    name="targets",
    description="List platforms and ABIs, and what can be built and run here.",
    options=NoOptions,
    run=_targets,
)


def _doctor(options: NoOptions, session: Session) -> Answer:
    del options
    from builder.commands import diagnosis

    rows = diagnosis.doctor(session.resolved.settings.build, session.host)
    missing = any(row["state"] == "missing" for row in rows)
    return Answer({"checks": rows}, diagnosis.table(rows), exit_code=4 if missing else 0)


DOCTOR: Final = Command(
    name="doctor",
    description="Check this machine for what builds need.",
    options=NoOptions,
    run=_doctor,
)


class Action(StrEnum):
    """What is done with the cache."""

    SHOW = "show"
    CLEAR = "clear"
    PRUNE = "prune"


def _action(text: str) -> Action:
    if text in tuple(Action):
        return Action(text)
    words = (*Action, *(it.name.removeprefix(f"{CACHE.name} ") for it in OF_THE_CACHE))
    raise UsageError(
        f"unknown action {text!r}{did_you_mean(text, words)}",
        hint=f"use one of {', '.join(words)}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """What `cache` takes. `max_size` is in bytes."""

    action: Action = place(
        "ACTION", "show (default), prune (remove what was used longest ago) or clear (remove all)",
        _action, default=Action.SHOW,
    )  # fmt: skip
    max_size: int | None = option(
        "--max-size", "SIZE", "how much prune leaves at most, such as 5G (default: the setting"
        " cache-size)", parse=parse_size, default=None,
    )  # fmt: skip
    older_than: timedelta | None = option(
        "--older-than", "AGE", "prune what was not used for this long, such as 30d",
        parse=parse_age, default=None,
    )  # fmt: skip


def _cache(options: CacheOptions, session: Session) -> Answer:
    limited = options.max_size is not None or options.older_than is not None
    example = f"{CACHE.title} prune --max-size 5G --older-than 30d"
    if limited and options.action is not Action.PRUNE:
        raise UsageError(
            f"--max-size and --older-than are limits for prune, not for {options.action}",
            hint=example,
        )
    from builder.commands.keeping import shelves

    folder = session.host.cache
    match options.action:
        case Action.SHOW:
            return shelves.show(folder)
        case Action.CLEAR:
            return shelves.prune(folder, 0, None)
        case Action.PRUNE:
            size = options.max_size
            if size is None:
                size = session.resolved.settings.machine.cache_size
            if size is None and options.older_than is None:
                raise UsageError("prune needs a limit: no size and no age is given", hint=example)
            return shelves.prune(folder, size, options.older_than)
        case _:
            assert_never(options.action)


CACHE: Final = Command(
    name="cache",
    description="Show, prune or clear what builds keep.",
    options=CacheOptions,
    run=_cache,
)
