"""What code names is found with its method and its line, and nothing in it is believed."""

import io
import time
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.reading.mentions import MAX_MENTIONS, Mention, Named, read_mentions
from builder.vocabulary.operators import SourceLine
from tests.unit.models import forge

CODE: Final = """\
class Net(Module):
  __parameters__ = []
  __annotations__ = []
  __annotations__["pk"] = __torch__.torch.classes.metal.Conv2dOpContext
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    def __forked_function():
      return ops.shop.tax(x, "ops.not.this(", 'torch.nor_this(')
    f = fork(__forked_function)
    with _0:
      _1 = torch.relu(self.ops.no.name(x))
    return torch.wait(f)
def helper(x: Tensor) -> Tensor:
  return torch.relu(x)
"""


def mentions(code: bytes | str, name: str = "code/__torch__.py", **more: bytes) -> list[Mention]:
    raw = code if isinstance(code, bytes) else code.encode()
    records = {
        name: raw,
        **{f"{name}.{suffix}": it for suffix, it in more.items()},
        "data.pkl": b"",
    }
    opened = Archive(Path("net.pt"), io.BytesIO(forge.archive(records)))
    return list(read_mentions(opened, lambda _kind, _name: True))


def test_everything_that_is_named_is_found_in_its_method() -> None:
    assert [(it.kind, it.name, it.method) for it in mentions(CODE)] == [
        (Named.CLASS, "metal.Conv2dOpContext", "Net"),
        (Named.OPERATOR, "shop::tax", "Net.forward"),
        (Named.INSTRUCTION, "FORK", "Net.forward"),
        (Named.INSTRUCTION, "ENTER", "Net.forward"),
        (Named.OPERATOR, "aten::relu", "Net.forward"),
        (Named.INSTRUCTION, "WAIT", "Net.forward"),
        (Named.OPERATOR, "aten::relu", "helper"),
    ]


def test_a_file_in_a_folder_is_a_module() -> None:
    (found, *_) = mentions(CODE, "code/__torch__/shop/nets.py")
    assert found.method == "shop.nets.Net"


def test_only_what_is_wanted_is_told() -> None:
    records = {"code/__torch__.py": CODE.encode(), "data.pkl": b""}
    opened = Archive(Path("net.pt"), io.BytesIO(forge.archive(records)))
    found = read_mentions(opened, lambda kind, name: (kind, name) == (Named.OPERATOR, "shop::tax"))
    assert [it.name for it in found] == ["shop::tax"]


def lines(*rows: Any) -> bytes:
    texts = ("", "é = 1\n", "y = tax(x)\n", "net.py")
    return forge.pickled(("FORMAT_WITH_STRING_TABLE", texts, rows))


def test_the_line_is_that_of_the_place_before() -> None:
    source = ([1, 2], 3, 10)
    code = "éé = ops.shop.tax(x)\nops.shop.tax(y)\n"  # the first one is at byte 7, letter 5
    debug = lines((0, (([], 0, 0), 0, 0), 0), (6, (source, 8, 9), 1), (20, (([], 0, 0), 0, 0), 0))
    first, second = mentions(code, debug_pkl=debug)
    assert first.line == SourceLine("net.py", 11, "y = tax(x)")
    assert second.line is None


@pytest.mark.parametrize("debug", [b"", b"nonsense", forge.pickled(("a", 1)), forge.pickled(())])
def test_a_model_without_lines_is_read_all_the_same(debug: bytes) -> None:
    assert [it.line for it in mentions("ops.shop.tax(x)", debug_pkl=debug)] == [None]


def test_code_of_any_size_takes_little_time() -> None:
    began = time.process_time()
    assert len(mentions("ops.a.b" * 1000 + " ops.a.b" * 30_000)) == MAX_MENTIONS
    for hostile in ('\\"' * 40_000, "'\"" * 40_000, " " * 80_000, "def " * 20_000, "\\" * 80_000):
        mentions('"' + hostile)
    assert time.process_time() - began < 2


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.models.reading.mentions.MAX_CODE", 10)
    with pytest.raises(MalformedError, match="the limit is 10"):
        mentions("ops.shop.tax(x)")


WORDS = st.sampled_from(
    [*CODE.splitlines(keepends=True), '"', "'", "\\", "\n", "ops.", "fork(", "é", "def ", "class "]
)


@given(st.lists(WORDS | st.text(max_size=5), max_size=20).map("".join))
def test_any_text_is_read(code: str) -> None:
    for it in mentions(code.encode(errors="surrogatepass")):
        assert it.kind is not Named.OPERATOR or "::" in it.name
