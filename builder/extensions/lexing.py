"""C++ as tokens: enough to find registrations, and never more than one pass over the text.

Comments are dropped, strings are read, and of the preprocessor only `#include` and `#if 0` count.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Lexeme(Enum):
    """What kind of token it is."""

    WORD = auto()
    STRING = auto()
    SIGN = auto()
    INCLUDE = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `text` is as it was written, `value` is what a string holds or what is included.

    `line` counts from 1, and is the one on which the token begins.
    """

    kind: Lexeme
    text: str
    line: int
    value: str = ""


_PIECES: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v]+ | //(?:\\\r?\n|[^\n])* | /\*.*?(?:\*/|\Z) | \\\r?\n)
  | (?P<directive>(?m:^)[ \t]*\#(?:\\\r?\n|//[^\n]*|/\*.*?\*/|[^\n])*)
  | (?P<raw>(?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\((?P<inside>.*?)\)(?P=fence)")
  | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
  | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
  | (?P<sign>::|->|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_INCLUDE: Final = re.compile(r'\s*#\s*include\s*(?P<name><[^>\n]+>|"[^"\n]+")')
_CONDITION: Final = re.compile(r"\s*#\s*(?P<word>if|ifdef|ifndef|elif|else|endif)\b\s*(?P<rest>.*)")
_ESCAPE: Final = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]+)|\r?\n|(.))", re.DOTALL)
_NAMED: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "b": "\b"}
_NEVER: Final = frozenset({"0", "false"})


def read_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a file; what no compiler would accept is read as single signs."""
    return tuple(_compiled(_pieces(text)))


def joined(tokens: Sequence[Token]) -> str:
    """Return tokens as one line of C++."""
    return " ".join(it.text for it in tokens)


def _pieces(text: str) -> Iterator[tuple[str, re.Match[str], int]]:
    line = 1
    for match in _PIECES.finditer(text):
        yield match.lastgroup or "", match, line
        line += match.group().count("\n")


def _compiled(pieces: Iterator[tuple[str, re.Match[str], int]]) -> Iterator[Token]:
    """Leave out what stands between `#if 0` and its end, and all directives but `#include`."""
    depth, never = 0, 0  # `never` is the depth of the `#if 0` that we are in
    for kind, match, line in pieces:
        if kind == "directive":
            if (condition := _CONDITION.match(match.group())) is not None:
                depth, never = _nested(condition, depth, never)
            elif not never and (included := _INCLUDE.match(match.group())) is not None:
                yield Token(Lexeme.INCLUDE, match.group(), line, included["name"])
        elif not never and kind != "space":
            yield _token(match, line)


def _nested(condition: re.Match[str], depth: int, never: int) -> tuple[int, int]:
    """Return how deep we are nested after a condition, and how deep the one is that never holds."""
    match condition["word"]:
        case "if" | "ifdef" | "ifndef":
            depth += 1
            is_never = condition["word"] == "if" and condition["rest"].strip() in _NEVER
            return depth, depth if is_never and not never else never
        case "endif":
            return max(depth - 1, 0), 0 if never == depth else never
        case _:  # another branch
            return depth, 0 if never == depth else never


def _token(match: re.Match[str], line: int) -> Token:
    text = match.group()
    if match["raw"] is not None:
        return Token(Lexeme.STRING, text, line, match["inside"])
    if match["string"] is not None:
        return Token(Lexeme.STRING, text, line, _unescaped(text[text.index('"') + 1 : -1]))
    return Token(Lexeme.WORD if match["word"] is not None else Lexeme.SIGN, text, line)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    octal, hexadecimal, named = match.groups()
    if octal or hexadecimal:
        return chr(min(int(octal, 8) if octal else int(hexadecimal, 16), 0x10FFFF))
    return _NAMED.get(named, named) if named else ""
