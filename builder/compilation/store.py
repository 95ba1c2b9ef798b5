"""The object store: one workspace per source, toolchain and profile, shared by all models."""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.compilation.output import BuildProgress
from builder.compilation.workspace import TREE, Project, Workspace
from builder.foundation.cache import note_use
from builder.foundation.files import locked, write_atomic
from builder.foundation.process import Command, Host
from builder.libtorch.candidates import Group
from builder.libtorch.flags import paired
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import BuildPlan


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A configured store. `outputs` maps a source id (`component:path`) to its object.

    Objects are named relative to the folder ninja works in. `ensure` configures it again if another
    installation has done so since; whoever compiles calls it first, under the store's lock.
    """

    workspace: Workspace
    outputs: Mapping[str, str]
    groups: Mapping[str, str]
    ensure: Callable[[], object] = field(compare=False)

    def object_of(self, source: str) -> Path:
        """Return where the object of a source is, or will be."""
        return self.workspace.build / self.outputs[source]

    def compile(self, sources: Iterable[str], host: Host, progress: BuildProgress) -> int:
        """Bring the objects of `sources` up to date; return how many had to be compiled.

        Raises `CommandError` with what failed.
        """
        targets = [self.outputs[source] for source in sources]
        return self.workspace.run_ninja(targets, host, progress)

    def command_for(self, source: str) -> tuple[str, ...]:
        """Return the compile command of a source by its id, without its `-c` and `-o` parts.

        Nor does it name the precompiled header, which may not be there yet.
        """
        for command, output in self.workspace.commands():
            if output == self.outputs.get(source):
                return _flags(command)
        raise CompileError(f"{source} is not among the files that can be compiled")

    def flags_of(self, objects: Iterable[Path]) -> dict[str, tuple[str, ...]]:
        """Return the flags that really compiled these objects, by the name of their group.

        Left out is what leads to files: it differs between sources of a group, or says nothing.
        """
        live = frozenset(objects)
        wanted = {
            output: self.groups[source]
            for source, output in self.outputs.items()
            if self.workspace.build / output in live
        }
        found: dict[str, tuple[str, ...]] = {}
        for command, output in self.workspace.commands():
            group = wanted.get(output, "")
            if group and group not in found:
                found[group] = _told(_flags(command)[1:])
        return dict(sorted(found.items()))


def _told(words: Iterable[str]) -> tuple[str, ...]:
    """Return the flags of a compile command that a person asks about: none that names a place."""
    places = ("-I", "-ffile-prefix-map=", "-isystem", "-include")
    return tuple(it for it in paired(words) if not it.startswith(places))


def _flags(command: str) -> tuple[str, ...]:
    """Return a compile command without its source, its object and its precompiled header."""
    words = shlex.split(command)
    words = words[: words.index("-o")]
    at = words.index("-c")
    words = words[:at] + words[at + 2 :]
    if "-include-pch" in words:
        at = words.index("-include-pch")  # between two `-Xclang`; the header's path follows
        words = words[: at - 1] + words[at + 3 :]
    return tuple(words)


def open_store(
    plan: BuildPlan,
    groups: Iterable[Group],
    project: Project,
    host: Host,
    *,
    on_wait: Callable[[], None] | None = None,
) -> ObjectStore:
    """Write and configure the store of a plan; a configured one costs a few ms.

    `on_wait` is called when a build that compiles into the store has to end first.
    """
    root = host.cache / "objects" / f"{plan.target}-{plan.objects.fingerprint[:12]}"
    workspace = Workspace(root, plan.toolchain)
    groups = tuple(groups)
    note_use(host.cache, root)

    def ensure() -> dict[str, str]:
        table = root / "outputs.json"
        configured = workspace.configure(project, host)
        outputs = {} if configured else _read_outputs(table)
        if not outputs:
            outputs = _outputs(workspace, groups)
            write_atomic(table, json.dumps(outputs, indent=0, sort_keys=True))
        return outputs

    with locked(workspace.lock, on_wait=on_wait):
        outputs = ensure()
    names = {f"{it.component}:{source}": it.name for it in groups for source in it.sources}
    return ObjectStore(workspace, outputs, names, ensure)


def preprocessor(store: ObjectStore, host: Host) -> Callable[[str], str]:
    """Return a function that expands the macros of a candidate source, given by its id."""

    def preprocess(source: str) -> str:
        component, _, path = source.partition(":")
        argv = (*store.command_for(source), "-E", "-P", f"{TREE}/{component}/{path}")
        command = Command(argv, store.workspace.build, host.child_env())
        result = host.runner.capture(command)
        if result.status != 0:
            first = next((it for it in result.stderr.splitlines() if "error:" in it), "no message")
            raise CompileError(
                f"cannot preprocess {path}: {first}", hint=f"repeat it by hand:\n    {command}"
            )
        return result.stdout

    return preprocess


def _read_outputs(table: Path) -> dict[str, str]:
    """Read what the last configuration wrote; a damaged table is an empty one."""
    try:
        document = json.loads(table.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _outputs(workspace: Workspace, groups: Iterable[Group]) -> dict[str, str]:
    """Map source ids to objects with CMake's own compilation database."""
    by_file = workspace.outputs()
    return {
        f"{group.component}:{source}": by_file[f"{TREE}/{group.component}/{source}"]
        for group in groups
        for source in group.sources
    }
