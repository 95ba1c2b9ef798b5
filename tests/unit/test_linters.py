"""A new release of a linter must not turn CI red: the dev group names exact versions."""

import re
import tomllib
from typing import Final

from tests.places import ROOT

LIBRARIES: Final = frozenset({"hypothesis", "jsonschema", "pytest"})
"""What tests import: new releases are welcome. Everything else of the group judges our text."""

_REQUIREMENT: Final = re.compile(r"(?P<name>[\w-]+)(?P<version>.*)")


def test_linters_are_pinned_exactly() -> None:
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    found = [match for it in group if (match := _REQUIREMENT.fullmatch(it))]
    assert len(found) == len(group)
    names = {match["name"] for match in found}
    assert names >= LIBRARIES | {"clang-format", "clang-tidy", "mypy", "ruff"}
    loose = [match[0] for match in found if match["name"] not in LIBRARIES]
    assert [it for it in loose if not re.fullmatch(r"[\w-]+==\d+(\.\d+)+", it)] == []
