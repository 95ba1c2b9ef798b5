"""Where the bytes of a library went: measured from its link map, told as text or JSON."""

from builder.report.measure import measure
from builder.report.render import from_json, to_json, to_text

__all__ = ["from_json", "measure", "to_json", "to_text"]
