"""What a source cannot do for a model, who asks for it, and what to do: for people and machines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from builder.vocabulary.errors import ModelError

_SHOWN_PLACES: Final = 3  # of each model, in the text; a document names all
EXPORT_AGAIN: Final = (
    "export the model with a torch closer to the runtime's version, or replace these calls"
)


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """Who asks for something: a model in a method, or an operator list (then `method` is empty).

    `line` is where the model's own source does so (`net.py:12`) and `text` what stands there, if
    the model tells.
    """

    model: str
    method: str = ""
    line: str = ""
    text: str = ""

    @property
    def place(self) -> str:
        """Return where it is, for people."""
        told = ": ".join(filter(None, (self.line, self.text)))
        return f"{self.method} ({told})" if told else self.method


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that cannot be had: `subject` is an operator, a class, an instruction and so on.

    `kind` says which: `operator`, `arguments`, `class`, `instruction`, `type`, `method`, `version`
    or `bytecode`.
    """

    kind: str
    subject: str
    message: str
    uses: tuple[Use, ...]
    do: str = EXPORT_AGAIN

    def __str__(self) -> str:
        """Return one line for people."""
        used = "; ".join(_by_model(self.uses))
        return f"{self.subject}: {self.message}{f'; used by {used}' if used else ''}"

    def called(self, model: str) -> "Problem":
        """Return the same problem of the same model under another name."""
        return replace(self, uses=tuple(replace(use, model=model) for use in self.uses))

    def document(self) -> dict[str, Any]:
        """Return plain data for `--json`."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "message": self.message,
            "do": self.do,
            "uses": [
                {
                    "model": use.model,
                    "method": use.method or None,
                    "line": use.line or None,
                    "text": use.text or None,
                }
                for use in self.uses
            ],
        }


def advice(problems: Iterable[Problem]) -> str:
    """Return what to do about them all, each thing once."""
    return "\n       ".join(dict.fromkeys(problem.do for problem in problems))


class LackingError(ModelError):
    """A runtime cannot have what models need; `problems` are all that is known to be missing."""

    def __init__(self, problems: tuple[Problem, ...], version: str, said: str = "") -> None:
        """Tell every problem, what torch `said` besides, and what to do about them all."""
        super().__init__(
            f"a runtime of PyTorch {version} cannot have what is needed:\n    "
            + "\n    ".join((*map(str, problems), *filter(None, (said,)))),
            hint=advice(problems),
        )
        self.problems = problems
        self.version = version


def refuse(problems: Iterable[Problem], version: str) -> None:
    """Raise one `LackingError` that tells every problem; without any, do nothing."""
    problems = tuple(problems)
    if problems:
        raise LackingError(problems, version)


def _by_model(uses: Iterable[Use]) -> Iterator[str]:
    places: dict[str, dict[str, None]] = {}
    for use in sorted(uses):
        found = places.setdefault(use.model, {})
        if use.method:
            found[use.place] = None
    for model, found in places.items():
        shown = list(found)[:_SHOWN_PLACES]
        rest = len(found) - len(shown)
        more = f" and {rest} more" if rest else ""
        yield f"{model} in {', '.join(shown)}{more}" if shown else model
