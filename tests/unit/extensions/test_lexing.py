"""C++ as tokens: strings are read, comments and what is never compiled are dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.extensions.lexing import Lexeme, joined, read_tokens


def words(text: str) -> list[str]:
    return [it.text for it in read_tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/*b*/c//d\ne", ["a", "c", "e"]),
        ("a // b \\\n c\nd", ["a", "d"]),
        ("x->y::z", ["x", "->", "y", "::", "z"]),
        ("1'000.5e-3f+2", ["1'000.5e-3f", "+", "2"]),
        ("#define X \\\n  Y\nz", ["z"]),
        ("'\"' a", ["'\"'", "a"]),
        ("#if 0\nno\n#if X\nno\n#endif\n#else\nyes\n#endif\nend", ["yes", "end"]),
        ("#if X\none\n#else\ntwo\n#endif", ["one", "two"]),
        ("#if 0\nno\n#endif\n#endif\na", ["a"]),
    ],
)
def test_tokens_are_what_a_compiler_may_see(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\"b\n\x41\101"', 'a"b\nAA'),
        ('R"(a\n"b")"', 'a\n"b"'),
        ('R"x(a)")x"', 'a)"'),
        ('u8"é"', "é"),
        ('"/* no comment */"', "/* no comment */"),
    ],
)
def test_strings_are_read(text: str, value: str) -> None:
    (token,) = read_tokens(text)
    assert (token.kind, token.value, token.text) == (Lexeme.STRING, value, text)


def test_includes_are_told_with_their_lines() -> None:
    found = read_tokens(
        '// x\n#include <a/b.h>\n#if 0\n#include "no.h"\n#endif\n# include "c.h" // c'
    )
    assert [(it.kind, it.value, it.line) for it in found] == [
        (Lexeme.INCLUDE, "<a/b.h>", 2),
        (Lexeme.INCLUDE, '"c.h"', 6),
    ]


@given(st.text(st.sampled_from("ab\"'\\/*#R(){}\n<>;0 if"), max_size=60))
def test_any_text_has_tokens_in_order(text: str) -> None:
    tokens = read_tokens(text)
    lines = [it.line for it in tokens]
    assert lines == sorted(lines)
    assert all(1 <= it <= text.count("\n") + 1 for it in lines)


@given(st.lists(st.sampled_from(["a", "::", "->", '"x y"', "1.5f", "(", ")", "'c'", "+"])))
def test_tokens_on_one_line_are_the_same_tokens(pieces: list[str]) -> None:
    tokens = read_tokens(" ".join(pieces))
    assert [it.text for it in tokens] == pieces
    assert read_tokens(joined(tokens)) == tokens
