"""The reference's table and the schema of the configuration are what the definitions say."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from builder.foundation.configuration import read_table, resolve
from builder.foundation.settings import DEFINITIONS, Definition
from builder.vocabulary.errors import UsageError
from tests.documents import SCHEMAS, read_schema
from tests.golden import documents
from tests.places import ROOT


def test_the_schema_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    golden(SCHEMAS / "configuration.schema.json", documents.schema())


def test_the_reference_is_up_to_date(golden: Callable[[Path, str], None]) -> None:
    path = ROOT / "docs" / "reference.md"
    page = path.read_text(encoding="utf-8")
    assert page.count(documents.BEGIN) == page.count(documents.END) == 1
    golden(path, documents.with_table(page))


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda it: it.key)
def test_every_setting_is_in_both(definition: Definition) -> None:
    assert f"| `{definition.key}` | `{definition.variable}` | " in documents.table()
    assert definition.summary in documents.table()
    assert definition.key in read_schema(SCHEMAS / "configuration.schema.json")["properties"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('abi = ["x86", "arm64-v8a"]', True), ('abi = "x86,arm64-v8a"', True),
        ('abi = ["mips"]', False), ("abi = 3", False), ("abi = [3]", False),
        ('platform = "linux"', True), ('platform = "linuks"', False), ("platform = true", False),
        ('output = "out"', True), ("output = []", False),
        ('dtypes = ["Float", "float16"]', True), ("dtypes = 1.5", False),
        ('source = "~/torch"', True), ('source-provider = "git"', True),
        ('source-provider = "apt"', False), ("source-provider = {}", False),
        ("jobs = 3", True), ('jobs = "3"', True), ("jobs = 0", False), ("jobs = true", False),
        ('jobs = "many"', False), ("jobs = 10000", False), ("jobs = -1", False),
        ('cache-dir = "/x"', True), ("cache-dir = 2001-01-01", False),
        ('cache-size = "5G"', True), ("cache-size = 5000", True), ("cache-size = -5", False),
        ("cache-size = false", False), ("unknown = 1", False), ("", True),
    ],
)  # fmt: skip
def test_the_schema_allows_what_the_program_takes(text: str, right: bool, tmp_path: Path) -> None:  # noqa: FBT001  a parameter of the table
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.build-runtime]\n{text}\n", encoding="utf-8")
    table = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["build-runtime"]
    schema = read_schema(SCHEMAS / "configuration.schema.json")
    assert Draft202012Validator(schema).is_valid(table) == right
    wrong = problem(tmp_path)
    assert (wrong is None) == right
    assert wrong is None or (str(path) in wrong.message and wrong.hint)


def problem(folder: Path) -> UsageError | None:
    """Return what the program says against the settings of a folder."""
    try:
        resolve({}, {}, read_table(folder))
    except UsageError as error:
        return error
    return None
