"""Build one runtime on demand: compile what the linker would need, until nothing is missing."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from builder.compilation.output import BuildOutput, BuildProgress, telling
from builder.compilation.shared.launching.session import launching
from builder.compilation.store import ObjectStore, OpenStore, flags_told
from builder.compilation.workspace import Project, Ran, Workspace, place_of
from builder.foundation.cache import note_use
from builder.foundation.elf import ElfFile, read_elf
from builder.foundation.files import locked, relative, touch, write_if_changed
from builder.foundation.process import CommandError, Host
from builder.libtorch.closure.objects import ObjectGraph, read_object
from builder.libtorch.closure.sweep import Closure, close
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import BuildPlan, LinkLine
from builder.vocabulary.targets import platform_facts

_UNDEFINED: Final = re.compile(r"undefined symbol: (\S+)")
_MAX_ROUNDS: Final = 200
_PROGRAM: Final = "build-runtime-run"
_BENCHMARK: Final = "speed_benchmark_torch"


@dataclass(frozen=True, slots=True)
class Demand:
    """Where to begin and how to go on: what is always linked, what was predicted, who defines what.

    `known_definers` returns the sources an index names for a symbol, `search` reads all sources for
    those that may define it, best first; nothing means that a system library has it. `feature_of`
    names the feature of a symbol that is cut, and `render_cuts` the file that defines such symbols
    instead. `replacement` is the source that must define a symbol, where there is one. `link_line`
    says what to link with besides objects; it may take its time.
    """

    always: tuple[str, ...]
    predicted: tuple[str, ...]
    known_definers: Callable[[str], tuple[str, ...]]
    search: Callable[[str], tuple[str, ...]]
    feature_of: Callable[[str], str | None]
    replacement: Callable[[str], str | None]
    render_cuts: Callable[[Mapping[str, str]], str]
    link_line: Callable[[], LinkLine]


@dataclass(slots=True)
class _Objects:
    """Objects compiled so far in this build, with their graphs read once.

    Most are of the store; `demanded` are those of the runtime's own workspace, by source.
    """

    store: OpenStore
    workspace: Workspace
    demanded: Mapping[str, str]
    sources: set[str] = field(default_factory=set)
    graphs: dict[Path, ObjectGraph] = field(default_factory=dict)
    fresh: Ran = field(default_factory=Ran)

    def compile(self, wanted: Iterable[str], host: Host, progress: BuildProgress) -> None:
        missing = sorted(set(wanted) - self.sources)
        stored = [it for it in missing if it in self.store.homes]
        demanded = [it for it in missing if it in self.demanded]
        self.fresh += self.store.compile(stored, host, progress)
        if demanded:
            targets = [self.demanded[it] for it in demanded]
            self.fresh += self.workspace.run_ninja(targets, host, progress)
        self.sources.update(stored, demanded)

    def paths(self) -> dict[str, Path]:
        """Return the object of each source."""
        return {source: self._object_of(source) for source in sorted(self.sources)}

    def name_of(self, source: str) -> str:
        """Return how the object of a source is named, wherever it was compiled."""
        return self.demanded.get(source) or self.store.name_of(source)

    def flags_of(self, live: Iterable[Path]) -> dict[str, tuple[str, ...]]:
        """Return the flags that really compiled these objects, by the name of their group."""
        live = frozenset(live)
        found = self.store.flags_of(live)
        own = {it for it in self.demanded.values() if self.workspace.build / it in live}
        for command, output in self.workspace.commands() if own else ():
            if output in own:
                found.setdefault("extension", flags_told(command))
        return dict(sorted(found.items()))

    def _object_of(self, source: str) -> Path:
        if source in self.demanded:
            return self.workspace.build / self.demanded[source]
        return self.store.object_of(source)

    def read(self, path: Path) -> ObjectGraph:
        if path not in self.graphs:
            self.graphs[path] = read_object(path)
        return self.graphs[path]


def build_runtime(  # noqa: PLR0917  one value of each stage before
    plan: BuildPlan,
    store: ObjectStore,
    project: Project,
    demand: Demand,
    host: Host,
    progress: BuildProgress,
) -> BuildOutput:
    """Compile and link the runtime of a plan; raise `CommandError` or `CompileError`.

    Runs of the same store wait for each other: ninja keeps one log per build directory. A run that
    was interrupted or killed goes on where it stopped: ninja knows which objects are whole.
    """
    started = time.monotonic()
    root = host.cache / "builds" / f"{plan.target}-{plan.fingerprint[:12]}"
    note_use(host.cache, root)
    doing, on_wait = _doing(plan), telling(progress)
    with (
        launching(plan.toolchain, host, progress.step) as launch,
        store.opened(host, doing, on_wait, launch) as opened,
        locked(root / "lock", doing=doing, on_wait=on_wait),
    ):
        workspace = Workspace(root, plan.toolchain, launch)
        progress.step("configuring")
        for name in ("link.rsp", "link.rsp.state", "cuts.cpp"):
            touch(workspace.build / name)
        configured = relative(opened.headers, workspace.build)
        places = {"BUILD_RUNTIME_CONFIGURED": configured, "BUILD_RUNTIME_PREFIX": f"{root}/prefix"}
        workspace.configure(project, host, places)
        progress.step("compiling")
        outputs = workspace.outputs()
        demanded = {it: outputs[place_of(it)] for it in project.demanded}
        objects = _Objects(opened, workspace, demanded)
        objects.compile((*demand.always, *demand.predicted), host, progress)
        objects.fresh += workspace.run_ninja(["runtime_roots"], host, progress)
        roots = [workspace.build / outputs[source] for source in project.roots]
        rounds = _link(workspace, objects, demand, roots, host, progress)
        flags = objects.flags_of(rounds.live)
        kept = platform_facts(plan.target.platform).archive.has_symbols_beside
        symbols = _link_symbols(workspace, root / "prefix", host, progress) if kept else None
    return BuildOutput(
        directory=root,
        library=root / "prefix/lib/libbuild_runtime.so",
        symbols=symbols,
        link_map=workspace.build / "link.map",
        program=root / "prefix/bin" / _PROGRAM,
        benchmark=root / "prefix/bin" / _BENCHMARK,
        objects=len(rounds.live),
        compiled=objects.fresh.compiled,
        reused=max(0, len(rounds.live) - objects.fresh.compiled),
        packed=objects.fresh.taken,
        rounds=rounds.count,
        sources=objects.paths(),
        linked=frozenset(it for it, path in objects.paths().items() if path in set(rounds.live)),
        flags=flags,
        link_line=demand.link_line(),
        seconds=time.monotonic() - started,
        log=workspace.log,
        launched=launch.outcome() if launch else None,
    )


def _doing(plan: BuildPlan) -> str:
    models = sorted({name for it in plan.selection.operators for name in it.models})
    return f"building {plan.target}" + (f" for {', '.join(models)}" if models else "")


@dataclass(frozen=True, slots=True)
class _Rounds:
    count: int
    live: tuple[Path, ...]


def _link(  # noqa: PLR0917  the state of one link
    workspace: Workspace,
    objects: _Objects,
    demand: Demand,
    roots: list[Path],
    host: Host,
    progress: BuildProgress,
) -> _Rounds:
    """Sweep, compile what is missing, and link; the linker has the last word on what is missing."""
    always = [objects.store.object_of(source) for source in demand.always]
    asked: set[str] = set()
    for count in range(1, _MAX_ROUNDS):
        closure = _sweep(objects, [*roots, *always], asked, demand)
        wanted = _next_sources(closure.missing, objects, demand)
        if wanted:
            progress.step(f"compiling what round {count} found missing")
            objects.compile(wanted, host, progress)
            continue
        _check_replaced(closure, demand)
        features = {symbol: demand.feature_of(symbol) or "" for symbol in sorted(closure.cut)}
        build = workspace.build
        write_if_changed(build / "cuts.cpp", demand.render_cuts(features))
        write_if_changed(build / "link.rsp", _response(closure.live, demand.link_line(), build))
        write_if_changed(build / "link.rsp.state", _state(closure.live, build))
        progress.step("linking")
        try:
            workspace.run_ninja([_PROGRAM, _BENCHMARK], host, progress)
        except CommandError as error:
            undefined = set(_UNDEFINED.findall("\n".join(error.tail)))
            more = _next_sources(undefined, objects, demand)
            if not more:
                raise
            asked |= undefined
            objects.compile(more, host, progress)
            continue
        return _Rounds(count, tuple(closure.live))
    message = f"no end after {_MAX_ROUNDS} rounds of compiling what was missing"
    raise CompileError(message, hint=f"please report it with the log: {workspace.log}")


def _check_replaced(closure: Closure, demand: Demand) -> None:
    """Refuse a source that lacks a function it is linked for: upstream's would come back unseen."""
    lacking = [it for it in closure.missing if demand.replacement(it) is not None]
    if lacking:
        source = demand.replacement(lacking[0])
        raise CompileError(
            f"{source} stands in for {lacking[0]} and does not define it",
            hint="please report it",
        )


def _link_symbols(workspace: Workspace, prefix: Path, host: Host, progress: BuildProgress) -> Path:
    """Link the library once more with its symbol table; both have one build id.

    A linker computes the build id of all that it writes: this one is told that of the other.
    """
    library, symbols = (prefix / it / "libbuild_runtime.so" for it in ("lib", "symbols"))
    build_id = read_elf(library).build_id
    text = f"--strip-debug\n--build-id=0x{build_id}\n"
    write_if_changed(workspace.build / "symbols.rsp", text)
    progress.step("linking with symbols")
    workspace.run_ninja(["runtime_symbols"], host, progress)
    if _in_memory(read_elf(library)) != _in_memory(read_elf(symbols)):
        raise CompileError(
            f"{symbols} is not laid out like {library}: its symbols would mislead",
            hint="please report it",
        )
    return symbols


def _in_memory(elf: ElfFile) -> tuple[object, ...]:
    """Return what a crash report is about: where everything is once it is loaded."""
    return elf.build_id, [(it.name, it.address, it.size) for it in elf.sections if it.address]


def _response(objects: Iterable[Path], line: LinkLine, build: Path) -> str:
    words = (
        *line.flags,
        *(relative(it, build) for it in objects),
        "--as-needed",
        *(relative(it, build) for it in line.libraries),
    )
    return "".join(f'"{word}"\n' for word in words)


def _state(objects: Iterable[Path], build: Path) -> str:
    """Return a text that changes when an object was compiled again: the library must be, too."""
    stats = ((relative(path, build), path.stat()) for path in objects)
    return "".join(f"{it.st_mtime_ns} {it.st_size} {name}\n" for name, it in stats)


def _sweep(objects: _Objects, roots: list[Path], asked: set[str], demand: Demand) -> Closure:
    names = {path: objects.name_of(source) for source, path in objects.paths().items()}
    defining = [
        path
        for path in names
        if asked & (objects.read(path).strong.keys() | objects.read(path).weak.keys())
    ]

    def replacement(symbol: str) -> Path | None:
        source = demand.replacement(symbol)
        return None if source is None else objects.store.object_of(source)

    return close(
        [*roots, *defining],
        names,
        objects.read,
        lambda symbol: demand.feature_of(symbol) is not None,
        # in which store an object is must not show: the names of stores are hashes
        key=lambda path: PurePosixPath(names[path]),
        replacement=replacement,
    )


def _next_sources(
    missing: Iterable[str],
    objects: _Objects,
    demand: Demand,
) -> set[str]:
    """Choose one more source for each missing symbol that still has a candidate."""
    wanted: set[str] = set()
    for symbol in missing:
        for find in (demand.known_definers, demand.search):
            untried = [it for it in find(symbol) if it not in objects.sources]
            if untried:
                wanted.add(untried[0])
                break
    return wanted
