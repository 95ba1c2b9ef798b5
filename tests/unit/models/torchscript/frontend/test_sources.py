"""The text of a source: bounded before it is parsed, and never believed."""

import ast
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.torchscript.frontend.sources import MAX_FILE, SourceFile, Sources
from builder.models.torchscript.signatures.kinds import UnsureError
from tests.unit.models.scripted import code_of

SOURCE = b"""class Net(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  def forward(self: __torch__.Net,
    x: Tensor,
    n: Optional[int]) -> Tensor:
    if torch.__isnot__(n, None):
      n0 = unchecked_cast(int, n)
      y = torch.mul(x, n0)
    else:
      y = (self).helper(x, [1, 2], )
    return y
  def helper(self: __torch__.Net,
    x: Tensor,
    sizes: List[int]) -> Tensor:
    weight = self.weight
    _0 = annotate(List[Tensor], [])
    for i in range(torch.len(sizes)):
      _1 = torch.append(_0, torch.select(x, 0, sizes[i]))
    return torch.add(torch.cat(_0), weight, alpha=2)
def f(x: Tensor, net: __torch__.Net) -> Tensor:
  return (net).forward(x, 3, )
"""


@pytest.mark.parametrize(
    "text",
    [
        b"def f(:\n  pass\n",
        b"x = 1\n",
        b"\x00",
        b"def f() -> int:\n  return " + b"(" * 100 + b"1" + b")" * 100 + b"\n",
        b"def f() -> int:\n  return " + b"-" * 100_000 + b"1\n",
        b"def f() -> int:\n  return 1" + b".a" * 100_000 + b"\n",
    ],
    ids=["syntax", "statement", "null", "brackets", "signs", "dots"],
)
def test_what_is_not_understood_is_left_to_torch(text: bytes) -> None:
    with pytest.raises(UnsureError):
        SourceFile("code/a.py", text)


def test_long_sources_are_left_to_torch() -> None:
    with pytest.raises(UnsureError, match="too long"):
        Sources({"code/a.py": b"#" * (MAX_FILE + 1)}.get).file_of("a")


def test_imports_and_versions_of_older_files_are_passed_over() -> None:
    file = SourceFile("code/a.py", b"op_version_set = 1\nimport __torch__\ndef f():\n  pass\n")
    assert list(file.definitions) == ["f"]


def test_places_count_bytes_without_brackets() -> None:
    before = "def f(x: str) -> str:\n  é = (x)\n  return ("
    file = SourceFile("code/a.py", f"{before}é.a).b(1, )\n".encode())
    (function,) = file.definitions.values()
    assert isinstance(function, ast.FunctionDef)
    result = function.body[-1]
    assert isinstance(result, ast.Return)
    assert result.value is not None
    assert file.place(result.value).offset == len(before.encode())


def test_this_source_is_understood() -> None:
    names = {str(it) for it, _ in code_of(SOURCE.decode()).operators}
    assert names == {
        "aten::__isnot__", "aten::mul.Scalar", "aten::append.t", "aten::__getitem__.t", "aten::cat",
        "aten::select.int", "aten::add.Tensor", "aten::len.t", "prim::unchecked_cast",
    } - {"aten::__isnot__", "aten::len.t"}  # fmt: skip


PIECES = (
    b"", b"(", b")", b"[0]", b"None", b"self", b"torch.", b"\n", b"  ", b"x", b"1", b"while", b", ",
    b"Tensor", b"Any", b"int", b"range", b"Dict[int, ",
)  # fmt: skip
EDITS = st.tuples(
    st.integers(0, len(SOURCE) - 1),
    st.integers(0, 12),
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)),
)


@given(st.lists(EDITS, min_size=1, max_size=3))
def test_a_changed_source_is_read_or_left_to_torch(edits: list[tuple[int, int, bytes]]) -> None:
    """Whatever a stranger writes, there is an answer or none: no other error, no endless work."""
    text = SOURCE
    for place, length, new in edits:
        text = text[:place] + new + text[place + length :]
    with suppress(UnsureError, AssertionError):  # the function may have another name
        code_of(text.decode(errors="replace"))
