"""Settings from flags, environment, `[tool.build-runtime]` of pyproject.toml, and defaults."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from builder.foundation.amounts import parse_limit
from builder.foundation.settings import DEFINITIONS, VARIABLES, Definition, Kind, Settings, compose
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.sizes import Budget, Limit, Metric
from builder.vocabulary.targets import known_targets

_BUDGETS: Final = "budgets"
_WANTED: Final = {
    Kind.TEXT: "a string",
    Kind.PATH: "a string",
    Kind.PATHS: "a string or a list of strings",
    Kind.LIST: "a string or a list of strings",
    Kind.COUNT: "a number",
    Kind.SIZE: "a number of bytes or a string such as '5G'",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value as text (lists joined with commas) and where it was set, for people.

    `place` is the origin as an error names it: the whole path of a file.
    """

    value: str
    origin: str
    place: str


@dataclass(frozen=True, slots=True)
class Table:
    """`[tool.build-runtime]` of one file: texts by key; paths are relative to the file."""

    path: Path = Path("pyproject.toml")
    values: Mapping[str, str] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, for each key where its value is from, and the budgets of the file."""

    settings: Settings
    origins: Mapping[str, Setting]
    budgets: tuple[Budget, ...] = ()


def read_table(directory: Path) -> Table:
    """Return `[tool.build-runtime]` of the nearest pyproject.toml; `UsageError` if it is wrong."""
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _tool_table(path)
            budgets = tuple(_budgets(path, table.pop(_BUDGETS, {})))
            return Table(path, _parse(path, table), budgets)
    return Table()


def _tool_table(path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="mend the file") from error
    tool = document.get("tool", {})
    table = tool.get("build-runtime", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(
            f"{path}: tool.build-runtime is not a table", hint="write [tool.build-runtime]"
        )
    return dict(table)


def _budgets(path: Path, table: object) -> Iterator[Budget]:
    """Yield `[tool.build-runtime.budgets]`: limits by metric, or by target and then by metric.

    A limit is a size, or a list of entries `{ limit = SIZE, reason = TEXT }`: the last one counts,
    and one that is higher than the one before says why it was raised.
    """
    place = f"{path}, [tool.build-runtime.budgets]"
    try:
        for key, value in _require_table(table).items():
            if key in known_targets():
                for metric, limits in _require_table(value).items():
                    its = _metric(metric, Metric)
                    yield Budget(its, _history(limits, its), key)
            else:
                its = _metric(key, (*Metric, *known_targets()))
                yield Budget(its, _history(value, its))
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from error


def _require_table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise UsageError("not a table", hint='write it like installed = "2.2MB"')
    return value


def _metric(text: str, known: Iterable[str]) -> Metric:
    if text not in set(Metric):
        message = f"unknown metric or target {text!r}{did_you_mean(text, known)}"
        raise UsageError(message, hint=f"known metrics: {', '.join(Metric)}")
    return Metric(text)


def _history(value: object, metric: Metric) -> tuple[Limit, ...]:
    entries = value if isinstance(value, list) else [value]
    limits = tuple(_limit(it, metric) for it in entries)
    if not limits:
        raise UsageError("the list has no limit", hint='write it like installed = "2.2MB"')
    if any(now.size > before.size and not now.reason for before, now in pairwise(limits)):
        raise UsageError(
            "a limit that is raised needs a reason",
            hint='write it like { limit = "2.4MB", reason = "XNNPACK is in" }',
        )
    return limits


def _limit(entry: object, metric: Metric) -> Limit:
    if isinstance(entry, dict) and entry.keys() <= {"limit", "reason"} and "limit" in entry:
        reason = str(entry.get("reason", "")).strip()
        return Limit(_limit(entry["limit"], metric).size, reason)
    if isinstance(entry, str) or type(entry) is int:  # a bool is an int, too
        return Limit(parse_limit(str(entry), metric))
    raise UsageError(
        f"{entry!r:.60} is no limit",
        hint='write it like "2.4MB", or { limit = "2.4MB", reason = "XNNPACK is in" }',
    )


def _parse(path: Path, table: Mapping[str, object]) -> Mapping[str, str]:
    known = {it.key: it for it in DEFINITIONS}
    problems = [
        f"unknown key {key!r}{did_you_mean(key, known)}" for key in table if key not in known
    ]
    values: dict[str, str] = {}
    for key in (it for it in table if it in known):
        text = _text(known[key].kind, table[key])
        if text is None:
            problems.append(f"{key} must be {_WANTED[known[key].kind]}")
        else:
            values[key] = _anchored(known[key], text, path.parent)
    if problems:
        raise UsageError(
            f"{path}, [tool.build-runtime]: " + "; ".join(problems),
            hint=f"known keys: {', '.join(known)}",
        )
    return values


def _text(kind: Kind, value: object) -> str | None:
    """Return a value of the file as a flag would be written; None for a wrong type."""
    if isinstance(value, str):
        return value
    if kind in (Kind.LIST, Kind.PATHS) and isinstance(value, list):
        return ",".join(value) if all(isinstance(it, str) for it in value) else None
    if kind in (Kind.COUNT, Kind.SIZE) and type(value) is int:  # a bool is an int, too
        return str(value)
    return None


def _anchored(definition: Definition, value: str, folder: Path) -> str:
    """Make paths of the file relative to it, so that they mean the same wherever the user is."""
    match definition.kind:
        case Kind.PATH:
            return _anchored_path(value, folder)
        case Kind.PATHS:
            return ",".join(_anchored_path(it, folder) for it in value.split(","))
        case _:
            return value


def _anchored_path(value: str, folder: Path) -> str:
    return value if not value or value.startswith("~") else str(folder / value)


def resolve(flags: Mapping[str, str], env: Mapping[str, str], table: Table) -> Resolved:
    """Return every setting with its origin: flag > environment > file > default.

    Raise one `UsageError` for all variables that are no settings, or for all wrong values.
    """
    _refuse_unknown(env)
    origins = {it.key: _choose(it, flags, env, table) for it in DEFINITIONS}
    parsed: dict[str, object] = {}
    wrong: dict[str, UsageError] = {}
    for definition in DEFINITIONS:
        setting = origins[definition.key]
        try:
            parsed[definition.key] = definition.parse(setting.value)
        except UsageError as error:
            message = f"{setting.place}: {error.message}"
            wrong[definition.key] = UsageError(message, hint=error.hint)
    if len(wrong) > 1:
        raise UsageError(
            "\n    ".join(
                [f"{len(wrong)} settings are wrong", *(it.message for it in wrong.values())]
            ),
            hint="\n       ".join(f"{key}: {it.hint}" for key, it in wrong.items()),
        )
    for only in wrong.values():
        raise only
    return Resolved(compose(parsed), origins, table.budgets)


def _refuse_unknown(env: Mapping[str, str]) -> None:
    known = [it.variable for it in DEFINITIONS]
    if unknown := sorted(it for it in env if it.startswith(VARIABLES) and it not in known):
        ends = [it.removeprefix(VARIABLES) for it in known]
        names = ", ".join(
            f"${it}{did_you_mean(it.removeprefix(VARIABLES), ends, prefix=f'${VARIABLES}')}"
            for it in unknown
        )
        raise UsageError(
            f"unknown environment variable {names}",
            hint=f"unset it; known variables: {', '.join(known)}",
        )


def _choose(
    definition: Definition, flags: Mapping[str, str], env: Mapping[str, str], table: Table
) -> Setting:
    key, variable = definition.key, definition.variable
    if key in flags:
        return Setting(flags[key], f"--{key}", f"--{key}")
    if env.get(variable):
        return Setting(env[variable], f"${variable}", f"${variable}")
    if key in table.values:
        place = f"{table.path}, [tool.build-runtime]: {key}"
        return Setting(table.values[key], table.path.name, place)
    return Setting(definition.default, "default", "default")
