"""One command: what it is called, what it takes, and what answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from builder.commands.exchange import Answer, Session
from builder.commands.line.arguments import Parser, Shown
from builder.foundation.settings import SHOWN_GROUP

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[T]):
    """A command. `options` is a dataclass of fields that `arguments` makes.

    It has the settings that are its own, or else all those `settings_of` another command.
    """

    name: str
    description: str
    options: type[T]
    run: Callable[[T, Session], Answer]
    usage: str | None = None
    settings_of: str = ""

    @property
    def title(self) -> str:
        """Return how the command is called."""
        return f"build-runtime {self.name}"

    def parser(self) -> Parser:
        """Return what reads its words."""
        return self.fill(Parser(self.title, usage=self.usage, description=self.description))

    def fill(self, parser: Parser) -> Parser:
        """Add what the command takes to a parser."""
        parser.add_options(self.options)
        parser.add_options(Shown, SHOWN_GROUP)
        parser.add_settings(self.settings_of or self.name)
        return parser


AnyCommand = Command[Any]
