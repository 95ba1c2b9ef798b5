"""Builds of mini_torch: the real command line, one cache, and what it is asked to build."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.real import Runtime, Tool, built, objects
from tests.unit.models import forge

CALLED: Final = ("aten::relu", "aten::neg")
"""What the model `net.ptl` calls: one operator calls another, one has a call that is cut."""

LISTED: Final = ("aten::cpu",)
"""What the operator list `net.yaml` adds: an operator that a file of the tree registers itself."""

MORE: Final = ("aten::floor", "aten::sqrt")
"""What another model calls: a kernel of the tree, and one that the code generator writes."""


@dataclass(frozen=True)
class Workshop:
    """The tool with the native code of mini_torch, its source tree, and a folder to work in.

    Without a `source` the one in the tool's cache is meant.
    """

    tool: Tool
    source: Path | None
    folder: Path

    @property
    def first(self) -> tuple[Path, Path]:
        """Return the model and the list that most tests build."""
        return self.model("net", CALLED), self.list("net", LISTED)

    @property
    def second(self) -> tuple[Path]:
        """Return a model that calls other operators than the first."""
        return (self.model("more", MORE),)

    def model(self, name: str, operators: Iterable[str]) -> Path:
        """Write a lite model that calls `operators` one after the other."""
        table = tuple((operator, "", 1) for operator in operators)
        steps = (
            ("STOREN", 1, 2),
            ("MOVE", 2, 0),
            *(("OP", place, 0) for place in range(len(table))),
            ("RET", 0, 0),
        )
        function = forge.function(operators=table, instructions=steps, takes=("Tensor",))
        records = {**forge.lite(), "bytecode.pkl": forge.bytecode(function)}
        return forge.write(self.folder / f"{name}.ptl", records)

    def list(self, name: str, operators: Iterable[str]) -> Path:
        """Write an operator list."""
        path = self.folder / f"{name}.yaml"
        path.write_text("".join(f"- {operator}\n" for operator in operators))
        return path

    def words(self, *wanted: object, abi: str = "x86_64") -> tuple[object, ...]:
        """Return what a build is asked with."""
        source = ("--source", self.source) if self.source else ("--source-provider", "cache")
        return (*wanted, "--abi", abi, *source)

    def build(self, *wanted: object, abi: str = "x86_64", output: Path | None = None) -> Runtime:
        """Build, and return what was built, which is in a new folder unless one is given."""
        output = output or next(
            path for n in itertools.count() if not (path := self.folder / f"dist-{n}").exists()
        )
        words = (*self.words(*wanted, abi=abi), "-o", output, "--json")
        (made,) = built(self.tool.run(*words, cwd=self.folder), output)
        return made

    def linked(self, made: Runtime) -> dict[str, int]:
        """Return the bytes that each object file has in the library, by the object's last name."""
        report = self.tool.run("report", made.archive, "--json", cwd=self.folder).document
        return {Path(row["name"]).name: row["size"] for row in report["objects"]}

    def configurations(self) -> int:
        """Return how often CMake was run over projects of this cache."""
        logs = self.tool.cache.glob("*/*/build.log")
        return sum(log.read_text(encoding="utf-8").count("-- Configuring done") for log in logs)

    def compiled(self) -> dict[Path, int]:
        """Return the objects of the store with their times."""
        return objects(self.tool)
