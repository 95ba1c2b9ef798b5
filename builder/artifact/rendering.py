"""Files of an artifact that are rendered from templates: data only, escaped where it is XML."""

import jinja2

from builder.foundation.resources import TEMPLATES


def render(template: str, context: dict[str, object]) -> str:
    """Return a template's text; what is put into XML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=lambda name: name is not None and name.endswith(".xml.j2"),  # noqa: S701  the rest is no XML
    )
    return environment.get_template(template).render(context)
