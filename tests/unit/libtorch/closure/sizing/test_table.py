import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given

from builder.libtorch.closure.sizing.table import Base, SizeTable, read_sizes
from builder.libtorch.closure.sizing.weights import Weight
from tests.unit.libtorch.closure.sizing.worlds import drawn, graph_of

BASE = Base(1_000, Weight(800, 100, 4), 2, Weight(300, 40, 4), 0.1)


@given(drawn())
def test_what_is_written_is_read(leads: dict[str, list[str]]) -> None:
    table = SizeTable(graph_of(leads, list(leads)[::2]), {"linux-x86_64": BASE})
    assert SizeTable.from_bytes(table.to_bytes()) == table


def test_equal_tables_are_equal_bytes() -> None:
    tables = [SizeTable(graph_of({"a": ["b"], "b": []}, it), {}) for it in (["a", "b"], ["b", "a"])]
    assert tables[0].to_bytes() == tables[1].to_bytes()


@pytest.mark.parametrize(
    "data", [b"", b"no table", lzma.compress(json.dumps({"version": 0}).encode())]
)
def test_what_is_damaged_or_of_another_version_is_no_table(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sizes.json.xz"
    assert read_sizes(path) is None
    path.write_bytes(data)
    assert read_sizes(path) is None
