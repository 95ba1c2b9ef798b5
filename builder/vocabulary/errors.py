"""The exception hierarchy: one class per kind of failure, each with its documented exit code."""

import difflib
from collections.abc import Iterable
from typing import ClassVar


class BuildRuntimeError(Exception):
    """A failure the user can act on: what happened, where we looked, one thing to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, looked_in: Iterable[str] = (), hint: str = "") -> None:
        """Keep the parts apart so that both the terminal and `--json` can show them."""
        super().__init__(message)
        self.message = message
        self.looked_in = tuple(looked_in)
        self.hint = hint

    def __str__(self) -> str:
        """Return the text printed after `error: `."""
        lines = [self.message]
        if self.looked_in:
            lines.append("  looked in: " + ", ".join(self.looked_in))
        if self.hint:
            lines.append("  fix: " + self.hint)
        return "\n".join(lines)

    def document(self) -> dict[str, object]:
        """Return plain data for `--json`."""
        return {
            "error": self.message,
            "looked_in": list(self.looked_in),
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class UsageError(BuildRuntimeError):
    """A wrong option, configuration value, or path given by the user."""

    exit_code = 2


class ModelError(BuildRuntimeError):
    """A model that cannot be read, or that needs what the source does not have."""

    exit_code = 3


class ToolchainError(BuildRuntimeError):
    """A compiler, emulator or build tool that is missing or unusable."""

    exit_code = 4


class SourceError(BuildRuntimeError):
    """LibTorch sources that cannot be found, fetched, or trusted."""

    exit_code = 4


class CompileError(BuildRuntimeError):
    """Code generation, compilation or linking failed."""

    exit_code = 5


class VerificationError(BuildRuntimeError):
    """The artifact was built, but it is not what was asked for."""

    exit_code = 6


class BudgetError(BuildRuntimeError):
    """The artifact is larger than the size budget."""

    exit_code = 7


def did_you_mean(word: str, known: Iterable[str], *, limit: int = 3, prefix: str = "") -> str:
    """Return ` (did you mean …?)`, or an empty string when nothing known is near.

    All names begin with `prefix`, which neither `word` nor `known` have: it would make all near.
    """
    folded = {name.casefold(): name for name in sorted(known)}
    near = difflib.get_close_matches(word.casefold(), folded, n=limit, cutoff=0.6)
    names = " or ".join(prefix + folded[name] for name in near)
    return f" (did you mean {names}?)" if near else ""
