"""What keeps a program from becoming TorchScript, in words of its author."""

import re
from dataclasses import dataclass
from itertools import pairwise

from builder.models.formats.faults import shown


@dataclass(frozen=True, slots=True)
class Problem:
    """What it is, at which node of the graph, and the stack trace of the code that made it."""

    what: str
    node: str = ""
    trace: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        where = source_line(self.trace)
        node = f"node {shown(self.node)}: " if self.node else ""
        return f"{node}{self.what}{f' ({where})' if where else ''}"


def source_line(trace: str) -> str:
    """Return the innermost place outside of torch, as `net.py:12: x = y`; often nothing."""
    found = re.findall(r'File "([^"\n]+)", line (\d+), in [^\n]*\n?([^\n]*)', trace)
    if not found:
        return ""
    folders = [(re.split(r"[/\\]", path), line, text) for path, line, text in found]
    (*_, file), line, text = next(filter(_of_the_user, reversed(folders)), folders[-1])
    return shown(f"{file}:{line}: {text.strip()}", limit=160)


def _of_the_user(place: tuple[list[str], str, str]) -> bool:
    """Tell whether a line is neither torch's own nor of code that was made on the way."""
    path, _, text = place
    installed = any(
        folder.endswith("-packages") and package == "torch" for folder, package in pairwise(path)
    )
    return not installed and not path[-1].startswith("<") and bool(text)
