"""Write what a build makes of a plan as a project that can be built without the tool."""

from pathlib import Path

from builder.artifact.manifest import BuildFacts, manifest
from builder.compilation.standalone import Standalone, write_standalone
from builder.foundation.process import Host
from builder.pipeline.building import compile_plan
from builder.pipeline.packing.contents import selection_text
from builder.pipeline.planning import Planned
from builder.pipeline.request import Events


def write_project(planned: Planned, folder: Path, host: Host, events: Events) -> None:
    """Build what was planned, as only that tells which files it takes, and write the project."""
    output = compile_plan(planned, host, events)
    events.step(f"writing {folder}")
    write_standalone(
        Standalone(
            plan=planned.plan,
            catalogue=planned.catalogue,
            groups=planned.candidates.groups,
            extension=planned.extension,
            manifest=manifest(BuildFacts(planned.plan, ())),
            selection=selection_text(planned.plan),
            output=output,
        ),
        folder,
    )
