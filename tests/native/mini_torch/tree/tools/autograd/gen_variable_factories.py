"""Stands where LibTorch makes the headers of its C++ front end, which this library has not."""

from pathlib import Path


def gen_variable_factories(out: str, functions: str, tags: str, templates: str) -> None:
    """Write one header; `functions`, `tags` and `templates` are not needed for it."""
    del functions, tags, templates
    Path(out, "variable_factories.h").write_text("#pragma once\n")
