from hypothesis import given
from hypothesis import strategies as st

from builder.vocabulary.sizes import SizeRow, sorted_rows


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 100))))
def test_rows_keep_the_sum_and_go_down(sizes: list[tuple[str, int]]) -> None:
    rows = sorted_rows(sizes)
    assert sum(row.size for row in rows) == sum(size for _, size in sizes)
    assert len({row.name for row in rows}) == len(rows)
    assert [row.size for row in rows] == sorted((row.size for row in rows), reverse=True)


def test_equal_rows_are_sorted_by_name() -> None:
    assert sorted_rows([("b", 1), ("a", 1), ("c", 2)]) == (
        SizeRow("c", 2),
        SizeRow("a", 1),
        SizeRow("b", 1),
    )
