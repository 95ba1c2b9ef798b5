"""Templates of generated CMake projects and C++, and how values are written in these languages."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import jinja2

from builder.foundation.resources import TEMPLATES
from builder.libtorch.catalogue import count_results, encode_arguments, gives_any
from builder.vocabulary.plan import GeneratedFile


def render(template: str, path: str, context: Mapping[str, object]) -> GeneratedFile:
    """Return a file of a project, made of a template."""
    return GeneratedFile(PurePosixPath(path), _environment().get_template(template).render(context))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  CMake and C++ are written, not HTML
    )
    environment.filters["cmake"] = cmake_value
    environment.filters["results"] = lambda entry: count_results(entry.schema)
    environment.filters["results_told"] = lambda entry: _results_told(entry.schema)
    environment.filters["arguments"] = lambda entry: _c_text(encode_arguments(entry.schema))
    return environment


def _results_told(schema: str) -> str:
    return "kAnyResults" if gives_any(schema) else str(count_results(schema))


def _c_text(text: str) -> str:
    """Return what to write between the quotes of a C++ string literal."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def cmake_value(value: object) -> str:
    """Quote a value for CMake so that spaces, semicolons in paths and quotes stay what they are."""
    if isinstance(value, list | tuple):
        return f"[==[{';'.join(str(item).replace(';', chr(92) + ';') for item in value)}]==]"
    return f"[==[{value}]==]"
