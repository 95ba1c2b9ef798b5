"""What torch says when it fails, with the cause first: its own order depends on where it failed.

The compiler names the cause and then the calls that led there. The interpreter tells the calls, and
the cause last (`handleError` of `torch/csrc/jit/runtime/interpreter.cpp`). The lite interpreter
adds what its debug handles say. C++ frames may follow any of them.
"""

import re
from typing import Final

MAX_REASON: Final = 400  # characters of a reason in one line
MAX_LINES: Final = 12
_MAX_LINE: Final = 200  # characters

_FRAMES: Final = re.compile(r"^\s*(?:Exception raised from |frame #\d)", re.MULTILINE)
_INTERPRETER: Final = "The following operation failed in the TorchScript interpreter."
_CALL: Final = re.compile(r".*<--- HERE|.+\(\d+\): .+")
_RAISED: Final = re.compile(r"[A-Za-z_][\w.]*: ")
_BEHIND: Final = re.compile(
    r"\s*(?:Debug info for handle|Module hierarchy:|Traceback |File \"|Serialized\s+File|:$"
    r"|\w+: (?:fallthrough )?registered at |Cast error details: )"
)
"""How a line begins that follows the cause: where it happened, or details of torch's own."""

_ASIDE: Final = re.compile(
    r" (?:This could be because the operator doesn't exist|In PyTorch 2\.6, we changed ).*"
)
"""Advice to people who build torch themselves, or who would load pickles without care."""

_UNPICKLER: Final = re.compile(
    r"WeightsUnpickler error: (?:Unsupported global: GLOBAL )?(.+?)(?: Please use .*)?"
)
"""What `torch.load` cannot read, between advice to read it without any care."""


def cause_first(text: str) -> tuple[str, ...]:
    """Return the lines of a message: first the cause, then what led to it; no C++ frames."""
    frames = _FRAMES.search(text)
    lines = [line.rstrip() for line in text[: frames.start() if frames else None].splitlines()]
    lines = [_ASIDE.sub("", line) for line in lines if line.strip()]
    if lines and lines[0] == _INTERPRETER:
        cause = _raised(lines)
        return (*lines[cause:], *lines[1:cause])
    return tuple(lines)


def _raised(lines: list[str]) -> int:
    """Return where the interpreter says what was raised: behind the last call that it tells."""
    calls = max((at for at, line in enumerate(lines) if _CALL.fullmatch(line)), default=0)
    found = (at for at in range(calls, len(lines)) if _RAISED.match(lines[at]))
    return next(found, len(lines) - 1)


def shortened(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return few and short lines; the last one says how many more there are."""
    cut = [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "…" for line in lines[:MAX_LINES]]
    rest = len(lines) - MAX_LINES
    return (*cut, *([f"… and {rest} more lines"] if rest > 0 else []))


def reason(kind: str, text: str) -> str:
    """Return the cause alone as one line that begins with the kind of the exception."""
    cause: list[str] = []
    for line in cause_first(text):
        if unpickler := _UNPICKLER.fullmatch(line.strip()):
            cause = [unpickler[1]]
            break
        if _BEHIND.match(line):
            break
        cause.append(line.strip())
    told = " ".join(cause) or "torch gives no reason"
    whole = told if _RAISED.match(told) and _named_error(told) else f"{kind}: {told}"
    return whole if len(whole) <= MAX_REASON else whole[:MAX_REASON] + "…"


def _named_error(text: str) -> bool:
    return text.partition(":")[0].endswith(("Error", "Exception"))
