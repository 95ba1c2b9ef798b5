"""Words of the command line as frozen values: argparse is used here and nowhere else.

The options of a command are a dataclass whose fields are made by `flag`, `option` and so on.
Options that are settings come from their definitions.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, Generic, NoReturn, TypeVar, cast

from builder.foundation.settings import DEFINITIONS, Definition, Kind
from builder.vocabulary.errors import UsageError, did_you_mean

T = TypeVar("T")
D = TypeVar("D")

_ARGUMENT: Final = "argument"
_PART: Final = "part"
_SETTING: Final = "setting "
"""Before the key of a setting: options of a command may have its name (`lock --output`)."""


@dataclass(frozen=True, slots=True)
class _Argument:
    """How argparse is told of a field; no `names` at all are a positional argument."""

    names: tuple[str, ...]
    how: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """A value inside the options, below a title of its own in the help."""

    kind: type[object]
    title: str


def flag(name: str, help_text: str, *, short: str = "") -> bool:
    """Return a field that is true when the option is given."""
    names = (short, name) if short else (name,)
    argument = _Argument(names, {"action": "store_true", "help": help_text})
    return field(default=False, metadata={_ARGUMENT: argument})


def option(
    name: str,
    metavar: str,
    help_text: str,
    *,
    parse: Callable[[str], T],
    default: D,
    short: str = "",
    bare: str | None = None,
) -> T | D:
    """Return a field for an option with a value; `bare` is the value of the option alone."""
    names = (short, name) if short else (name,)
    how: dict[str, Any] = {
        "metavar": metavar, "help": help_text, "type": _naming(name, parse), "default": default,
    }  # fmt: skip
    if bare is not None:
        how |= {"nargs": "?", "const": bare}
    return cast("T | D", field(default=default, metadata={_ARGUMENT: _Argument(names, how)}))


def _naming(name: str, parse: Callable[[str], T]) -> Callable[[str], T]:
    """Let errors about a value say which option it was given to."""

    def named(text: str) -> T:
        try:
            return parse(text)
        except UsageError as error:
            raise UsageError(f"{name}: {error.message}", hint=error.hint) from error

    return named


def repeated(name: str, metavar: str, help_text: str, parse: Callable[[str], T]) -> tuple[T, ...]:
    """Return a field with the values of an option that may be given many times."""
    how: dict[str, Any] = {
        "action": "append", "metavar": metavar, "help": help_text, "type": _naming(name, parse),
        "default": [],
    }  # fmt: skip
    return field(default=(), metadata={_ARGUMENT: _Argument((name,), how)})


def place(
    metavar: str, help_text: str, parse: Callable[[str], T], *, default: str | None = None
) -> T:
    """Return a field for one positional argument, which may be left out if it has a default."""
    how: dict[str, Any] = {"metavar": metavar, "help": help_text, "type": parse}
    if default is not None:
        how |= {"nargs": "?", "default": default}  # argparse parses defaults that are text
    return cast("T", field(metadata={_ARGUMENT: _Argument((), how)}))


def places(metavar: str, help_text: str, parse: Callable[[str], T]) -> tuple[T, ...]:
    """Return a field for all positional arguments."""
    how = {"nargs": "*", "metavar": metavar, "help": help_text, "type": parse}
    return field(default=(), metadata={_ARGUMENT: _Argument((), how)})


def part(kind: type[T], title: str = "") -> T:
    """Return a field that is a value with options of its own."""
    return field(default_factory=kind, metadata={_PART: _Part(kind, title)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How much every command tells, and in which form."""

    json: bool = flag("--json", "print one JSON document on stdout")
    quiet: bool = flag("--quiet", "no progress on stderr", short="-q")
    verbose: bool = flag(
        "--verbose", "also say where settings come from, and which programs are started", short="-v"
    )


@dataclass(frozen=True, slots=True)
class Given(Generic[T]):
    """What a command line says: the command's own options, and settings as text by key."""

    options: T
    shown: Shown
    flags: Mapping[str, str]


class Parser(argparse.ArgumentParser):
    """argparse with our shape of errors: what, and near names for options nobody knows."""

    def __init__(self, prog: str, **other: object) -> None:
        """Take whole option names only, so that a new option never changes what an old one is."""
        super().__init__(prog=prog, allow_abbrev=False, **other)  # type: ignore[arg-type]
        self._titled: dict[str, argparse._ArgumentGroup] = {}

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as a `UsageError`."""
        raise UsageError(message, hint=f"{self.prog} --help lists what there is")

    def add_settings(self, command: str) -> None:
        """Add the settings a command has as options."""
        for it in DEFINITIONS:
            if not it.commands or command in it.commands:
                self._group(it.group).add_argument(
                    *([it.short] if it.short else []), f"--{it.key}", dest=_SETTING + it.key,
                    action="append" if it.kind in (Kind.LIST, Kind.PATHS) else "store",
                    metavar=it.metavar, help=_help(it),
                )  # fmt: skip

    def add_options(self, kind: type[object], title: str = "") -> None:
        """Add the options that are fields of a dataclass."""
        for it in _fields(kind):
            if _PART in it.metadata:
                inner: _Part = it.metadata[_PART]
                self.add_options(inner.kind, inner.title or title)
                continue
            argument: _Argument = it.metadata[_ARGUMENT]
            if argument.names:
                self._group(title).add_argument(*argument.names, dest=it.name, **argument.how)
            else:
                self.add_argument(it.name, **argument.how)

    def parse(self, words: Sequence[str], kind: type[T]) -> Given[T]:
        """Parse everything; one error names all unknown options with the near ones."""
        # options may stand between models; argparse takes no `--` then
        between = "--" not in words
        parse = self.parse_known_intermixed_args if between else self.parse_known_args
        known, rest = parse(words)
        if rest:
            unknown = [word.split("=", 1)[0] for word in rest if word.startswith("-")] or rest
            names = ", ".join(f"{word}{self._meant(word)}" for word in unknown)
            self.error(f"unknown argument {names}")
        values = vars(known)
        flags = {
            name.removeprefix(_SETTING): ",".join(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name.startswith(_SETTING) and value is not None
        }
        return Given(_read(kind, values), _read(Shown, values), flags)

    def _meant(self, word: str) -> str:
        """Return what an unknown option may be: that of another command, or a near one."""
        for it in DEFINITIONS:
            if word == f"--{it.key}":
                return f" (an option of {' and '.join(it.commands)})"
        options = [option for action in self._actions for option in action.option_strings]
        near = [option.removeprefix("--") for option in options if option.startswith("--")]
        return did_you_mean(word.lstrip("-"), near, prefix="--")

    def _group(self, title: str) -> "argparse._ArgumentGroup | Parser":
        if not title:
            return self
        if title not in self._titled:
            self._titled[title] = self.add_argument_group(title)
        return self._titled[title]


def _fields(kind: type[object]) -> tuple[Field[Any], ...]:
    return fields(cast("Any", kind))


def _read(kind: type[T], values: Mapping[str, object]) -> T:
    made: dict[str, Any] = {}
    for it in _fields(kind):
        inner: _Part | None = it.metadata.get(_PART)
        value = values[it.name] if inner is None else _read(inner.kind, values)
        made[it.name] = tuple(value) if isinstance(value, list) else value
    return kind(**made)


def _help(definition: Definition) -> str:
    text = definition.explain().replace("%", "%%")
    if definition.unset:
        return f"{text} (setting; unset: {definition.unset})"
    default = f"; default {definition.default}" if definition.default else ""
    return f"{text} (setting{default})"
