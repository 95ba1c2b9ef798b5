"""The published schemas of what commands print with `--json`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from builder.foundation.resources import DATA

SCHEMAS = DATA / "schemas"


def read_schema(path: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(read_schema(SCHEMAS / f"{name}.schema.json"))


def validate(name: str, document: object) -> None:
    """Raise `jsonschema.ValidationError` unless a document is what its schema says."""
    _validator(name).validate(document)
