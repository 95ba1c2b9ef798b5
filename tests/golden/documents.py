"""What is written about the settings: a table of the reference, the schema of the configuration."""

import json
from typing import Any, Final

from builder.foundation.settings import DEFINITIONS, Definition, Kind
from builder.vocabulary.sizes import Metric
from builder.vocabulary.targets import known_targets

BEGIN: Final = (
    "<!-- settings: written by `python -m pytest tests/golden --update-golden`, not by hand -->\n"
)
END: Final = "<!-- end of settings -->\n"


def table() -> str:
    """Return the table of all settings."""
    rows = [
        f"| `{it.key}` | `{it.variable}` | {f'`{it.default}`' if it.default else '-'} | "
        f"{it.explain('`')}{f'; unset: {it.unset}' if it.unset else ''} |\n"
        for it in DEFINITIONS
    ]
    return "".join(["| key | environment | default | meaning |\n", "|---|---|---|---|\n", *rows])


def with_table(page: str) -> str:
    """Return the text of a page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def schema() -> str:
    """Return the JSON Schema of `[tool.build-runtime]`."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:build-runtime:configuration:1",
        "title": "Settings of build-runtime",
        "description": "The table [tool.build-runtime] of pyproject.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {it.key: _property(it) for it in DEFINITIONS} | {"budgets": _budgets()},
    }
    return json.dumps(document, indent=2) + "\n"


def _budgets() -> dict[str, Any]:
    """Return the schema of the budgets, which are a table of their own."""
    size = {"type": ["string", "integer"], "description": "such as 2.2MB or 900KiB"}
    entry = {
        "type": "object",
        "required": ["limit"],
        "additionalProperties": False,
        "properties": {"limit": size, "reason": {"type": "string"}},
    }
    history = {
        "description": "A limit, or all it ever was: the last one counts, and says why",
        "anyOf": [size, {"type": "array", "minItems": 1, "items": {"anyOf": [size, entry]}}],
    }
    metrics = {metric.value: history for metric in Metric}
    targets = {
        target: {"type": "object", "additionalProperties": False, "properties": metrics}
        for target in known_targets()
    }
    return {
        "description": "How large a library may be, by metric, for all targets or one",
        "type": "object",
        "additionalProperties": False,
        "properties": metrics | targets,
    }


def _property(definition: Definition) -> dict[str, Any]:
    default = {"default": definition.default} if definition.default else {}
    unset = f"; unset: {definition.unset}" if definition.unset else ""
    return {"description": definition.summary + unset, **default, **_type(definition)}


def _type(definition: Definition) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    one: dict[str, Any] = {"enum": list(definition.choices)} if definition.choices else text
    match definition.kind:
        case Kind.TEXT | Kind.PATH:
            return one
        case Kind.LIST | Kind.PATHS:
            return {"anyOf": [{"type": "array", "items": one}, text]}
        case Kind.COUNT:
            number = {"type": "integer", "minimum": 1, "maximum": 9999}
            return {"anyOf": [number, {"type": "string", "pattern": "^[1-9][0-9]{0,3}$"}]}
        case Kind.SIZE:
            return {"anyOf": [{"type": "integer", "minimum": 0}, text]}
