"""Each file that `docs/formats.md` names is refused by that name, with what it says to do."""

from typing import Final

import pytest

from tests.docs.pages import FORMATS
from tests.places import TESTS

SECTION: Final = FORMATS.read_text(encoding="utf-8").partition("\n## Other files\n")[2]
ROWS: Final = [
    (name.strip(), do.strip().strip("`"))
    for line in SECTION.splitlines()
    if line.startswith("| a")
    for names, do in [line.strip("| ").split(" | ")]
    for name in names.split(", ")
]
MESSAGES: Final = tuple(
    path.read_text(encoding="utf-8") for path in TESTS.glob("failing/*/transcript.txt")
)


@pytest.mark.parametrize(("name", "do"), ROWS)
def test_a_file_is_refused_by_its_name(name: str, do: str) -> None:
    assert any(f"it is {name}" in it and do in it for it in MESSAGES)


def test_the_table_is_found() -> None:
    assert len(ROWS) > 10
