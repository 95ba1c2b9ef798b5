"""Settings from flags, environment, `[tool.build-runtime]` of pyproject.toml, and defaults."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.vocabulary.errors import UsageError, did_you_mean

DEFAULTS: Final[Mapping[str, str]] = {
    "abi": "",
    "platform": "auto",
    "output": "dist",
    "source": "",
    "source-provider": "auto",
    "dtypes": "",
    "jobs": "",
    "cache-dir": "",
}
"""Every setting; the same names are long options, keys of the table, and (upper-cased, after
`BUILD_RUNTIME_`) environment variables."""

_LISTS: Final = frozenset({"abi", "dtypes"})
_PATHS: Final = frozenset({"output", "source", "cache-dir"})
_KINDS: Final = {"jobs": "a number", **dict.fromkeys(_LISTS, "a string or a list of strings")}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value as text (lists joined with commas) and where it was set, for people."""

    value: str
    origin: str


def read_table(directory: Path) -> Mapping[str, str]:
    """Return `[tool.build-runtime]` of the nearest pyproject.toml; `UsageError` if it is wrong."""
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _parse(path)
    return {}


def _parse(path: Path) -> Mapping[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="mend the file") from error
    tool = document.get("tool", {})
    table = tool.get("build-runtime", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(
            f"{path}: tool.build-runtime is not a table", hint="write [tool.build-runtime]"
        )
    problems = [
        f"unknown key {key!r}{did_you_mean(key, DEFAULTS)}" for key in table if key not in DEFAULTS
    ]
    values: dict[str, str] = {}
    for key, value in table.items():
        if key in _LISTS and isinstance(value, list) and all(isinstance(it, str) for it in value):
            values[key] = ",".join(value)
        elif isinstance(value, str) or (key == "jobs" and type(value) is int):
            values[key] = _anchored(key, str(value), path.parent)
        elif key in DEFAULTS:
            problems.append(f"{key} must be {_KINDS.get(key, 'a string')}")
    if problems:
        raise UsageError(
            f"{path}, [tool.build-runtime]: " + "; ".join(problems),
            hint=f"known keys: {', '.join(DEFAULTS)}",
        )
    return values


def _anchored(key: str, value: str, folder: Path) -> str:
    """Make a path of the file relative to it, so that it means the same wherever the user is."""
    if key not in _PATHS or not value or value.startswith("~"):
        return value
    return str(folder / value)


def resolve(
    flags: Mapping[str, str | None], env: Mapping[str, str], table: Mapping[str, str]
) -> dict[str, Setting]:
    """Return every setting with its origin: flag > environment > file > default."""
    settings: dict[str, Setting] = {}
    for name, default in DEFAULTS.items():
        flag = flags.get(name)
        variable = "BUILD_RUNTIME_" + name.upper().replace("-", "_")
        if flag is not None:
            settings[name] = Setting(flag, f"--{name}")
        elif env.get(variable):
            settings[name] = Setting(env[variable], f"${variable}")
        elif name in table:
            settings[name] = Setting(table[name], "pyproject.toml")
        else:
            settings[name] = Setting(default, "default")
    return settings
