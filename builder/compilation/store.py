"""The object stores: one workspace per source, toolchain and profile, shared by all models.

Note [Stores]: a build takes each object from the store that most builds share. The stores of its
profile are two: one for the sources that ask for no dtype, and one for the others. A profile with
more backends than the base also takes what does not depend on them from the store of the base. All
stores know all sources, so a source that turns out to depend on dtypes is simply taken from the
next store.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from builder.compilation.dependence import DTYPE_CHECK
from builder.compilation.output import BuildProgress
from builder.compilation.shared.launching.session import Launch
from builder.compilation.shared.packs.index import Made
from builder.compilation.workspace import TREE, Project, Ran, Workspace
from builder.foundation.files import OnWait, locked, write_atomic
from builder.foundation.process import Command, CommandError, Host
from builder.libtorch.candidates import Group
from builder.libtorch.flags import paired
from builder.vocabulary.errors import CompileError

_ASKED_FOR_DTYPE: Final = re.compile(rf"'{DTYPE_CHECK}' has been explicitly marked deleted")
"""What clang says of a call to a function that is declared, but deleted."""


@dataclass(frozen=True, slots=True)
class Store:
    """One folder of objects, and the project that makes them: those of all candidates.

    `made` says of what and by what they are made.
    """

    workspace: Workspace
    project: Project
    groups: tuple[Group, ...]
    made: Made

    def configure(self, host: Host) -> Mapping[str, str]:
        """Configure the store unless it is; return the object of each source id.

        Objects are named relative to the folder ninja works in. Another installation may have
        configured the store otherwise: whoever compiles calls this first, under the store's lock.
        """
        configured = self.workspace.configure(self.project, host)
        outputs = {} if configured else self.known_outputs()
        if not outputs:
            outputs = _outputs(self.workspace, self.groups)
            write_atomic(self._table, json.dumps(outputs, indent=0, sort_keys=True))
        return outputs

    def launched(self, launch: Launch | None) -> "Store":
        """Return the same store, which compiles by way of a launcher."""
        return replace(self, workspace=replace(self.workspace, launch=launch))

    def known_outputs(self) -> dict[str, str]:
        """Return the object of each source id, as far as the store was configured before."""
        document = _read(self._table)
        return document if isinstance(document, dict) else {}

    def known_dependent(self) -> frozenset[str]:
        """Return the sources that turned out to depend on dtypes, which this store has not."""
        document = _read(self._dependent)
        return frozenset(map(str, document)) if isinstance(document, list) else frozenset()

    def note_dependent(self, source: str) -> None:
        """Remember that a source depends on dtypes."""
        known = sorted({*self.known_dependent(), source})
        write_atomic(self._dependent, json.dumps(known, indent=0))

    @property
    def _table(self) -> Path:
        return self.workspace.root / "outputs.json"

    @property
    def _dependent(self) -> Path:
        return self.workspace.root / "dependent.json"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where the objects of a plan come from: see Note [Stores].

    `stores` are in the order in which they are locked, the most shared first; `homes` tells which
    of them a source (`component:path`) belongs to. The last store has the dtypes of the plan.
    """

    stores: tuple[Store, ...]
    homes: Mapping[str, int]

    def compiled(self) -> frozenset[str]:
        """Return the sources that have an object. Nothing is configured, and nobody waited for."""
        homes = self.present_homes()
        tables = [(it.workspace.build, it.known_outputs()) for it in self.stores]
        found: set[str] = set()
        for source, home in homes.items():
            build, outputs = tables[home]
            if source in outputs and (build / outputs[source]).exists():
                found.add(source)
        return frozenset(found)

    def present_homes(self) -> dict[str, int]:
        """Return the store of each source, with what compilers found out since."""
        last = len(self.stores) - 1
        moved = frozenset().union(*(it.known_dependent() for it in self.stores))
        return {**self.homes, **{source: last for source in moved if source in self.homes}}

    @contextmanager
    def opened(
        self, host: Host, doing: str, on_wait: OnWait, launch: Launch | None = None
    ) -> Iterator["OpenStore"]:
        """Lock and configure the stores: nobody else compiles into them until the block ends.

        What is compiled is compiled by way of a launcher, if there is one.
        """
        with ExitStack() as stack:
            for store in self.stores:
                stack.enter_context(locked(store.workspace.lock, doing=doing, on_wait=on_wait))
            outputs = tuple(it.configure(host) for it in self.stores)
            stores = tuple(it.launched(launch) for it in self.stores)
            yield OpenStore(stores, outputs, self.present_homes())


@dataclass(frozen=True, slots=True)
class OpenStore:
    """Stores that are locked and configured. `outputs` has the objects of each, by source id.

    `homes` changes where a compiler finds out that a source belongs elsewhere.
    """

    stores: tuple[Store, ...]
    outputs: tuple[Mapping[str, str], ...]
    homes: dict[str, int]

    @property
    def headers(self) -> Path:
        """Return the folder with the headers that CMake configured for the plan's own dtypes."""
        return self.stores[-1].workspace.build / "include"

    def object_of(self, source: str) -> Path:
        """Return where the object of a source is, or will be."""
        return self.folder_of(source) / self.name_of(source)

    def folder_of(self, source: str) -> Path:
        """Return the folder in which a source is compiled."""
        return self.stores[self.homes[source]].workspace.build

    def name_of(self, source: str) -> str:
        """Return how the object of a source is named in its store; raise `KeyError` without one."""
        return self.outputs[self.homes[source]][source]

    def compile(self, sources: Iterable[str], host: Host, progress: BuildProgress) -> Ran:
        """Bring the objects of `sources` up to date; return how many were not there.

        Raises `CommandError` with what failed.
        """
        wanted = tuple(sources)
        numbers = range(len(self.stores))
        return sum((self._compile_in(it, wanted, host, progress) for it in numbers), Ran())

    def _compile_in(
        self, number: int, sources: tuple[str, ...], host: Host, progress: BuildProgress
    ) -> Ran:
        store = self.stores[number]
        while targets := [self.name_of(it) for it in sources if self.homes[it] == number]:
            try:
                return store.workspace.run_ninja(targets, host, progress)
            except CommandError as error:
                source = self._dependent_in(number, error)
                if source is None:
                    raise
                store.note_dependent(source)
                self.homes[source] = len(self.stores) - 1
        return Ran()

    def _dependent_in(self, number: int, error: CommandError) -> str | None:
        """Return the source that did not compile because it asked a shared store for dtypes."""
        shared = number < len(self.stores) - 1
        if not shared or not any(_ASKED_FOR_DTYPE.search(line) for line in error.tail):
            return None
        words = shlex.split(error.command.argv[-1])
        made = {output: source for source, output in self.outputs[number].items()}
        return next((made[word] for word in words if word in made), None)

    def command_for(self, source: str) -> tuple[str, ...]:
        """Return the compile command of a source by its id, without its `-c` and `-o` parts.

        Nor does it name the precompiled header, which may not be there yet.
        """
        if source in self.homes:
            name = self.name_of(source)
            for command, output in self.stores[self.homes[source]].workspace.commands():
                if output == name:
                    return _flags(command)
        raise CompileError(f"{source} is not among the files that can be compiled")

    def flags_of(self, objects: Iterable[Path]) -> dict[str, tuple[str, ...]]:
        """Return the flags that really compiled these objects, by the name of their group.

        Left out is what leads to files: it differs between sources of a group, or says nothing.
        """
        live = frozenset(objects)
        found: dict[str, tuple[str, ...]] = {}
        for store, outputs in zip(self.stores, self.outputs, strict=True):
            wanted = {
                outputs[source]: group.name
                for group in store.groups
                for source in group.ids
                if store.workspace.build / outputs[source] in live
            }
            for command, output in store.workspace.commands() if wanted else ():
                group = wanted.get(output, "")
                if group:
                    found.setdefault(group, flags_told(command))
        return dict(sorted(found.items()))


def flags_told(command: str) -> tuple[str, ...]:
    """Return the flags of a compile command that a person asks about: none that names a place."""
    places = ("-I", "-ffile-prefix-map=", "-isystem", "-include")
    return tuple(it for it in paired(_flags(command)[1:]) if not it.startswith(places))


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


def preprocessor(store: ObjectStore, host: Host, on_wait: OnWait) -> Callable[[str], str]:
    """Return a function that expands the macros of a candidate source, given by its id."""
    doing = "reading the operators of a source"

    def preprocess(source: str) -> str:
        component, _, path = source.partition(":")
        with store.opened(host, doing, on_wait) as opened:
            argv = (*opened.command_for(source), "-E", "-P", f"{TREE}/{component}/{path}")
            command = Command(argv, opened.folder_of(source), host.child_env())
            result = host.runner.capture(command)
        if result.status != 0:
            first = next((it for it in result.stderr.splitlines() if "error:" in it), "no message")
            raise CompileError(
                f"cannot preprocess {path}: {first}", hint=f"repeat it by hand:\n    {command}"
            )
        return result.stdout

    return preprocess


def _read(path: Path) -> Any:  # noqa: ANN401  JSON
    """Read what was noted before; what is absent or damaged says nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _outputs(workspace: Workspace, groups: Iterable[Group]) -> dict[str, str]:
    """Map source ids to objects with CMake's own compilation database."""
    by_file = workspace.outputs()
    return {
        name: by_file[f"{TREE}/{group.component}/{source}"]
        for group in groups
        for name, source in group.ids.items()
    }
