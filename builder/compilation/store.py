"""The object store: one CMake project per source, toolchain and profile, shared by all models."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder.compilation.output import BuildProgress
from builder.foundation.files import locked, write_atomic, write_if_changed, write_tree
from builder.foundation.process import Command, CommandError, Host
from builder.foundation.resources import CMAKE
from builder.libtorch.candidates import Group
from builder.vocabulary.errors import CompileError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.plan import BuildPlan, GeneratedFile

_SPECIAL: Final = re.compile(r"[ :$]")  # what a path of ninja's language needs a `$` before
_STATUS: Final = "@ %f %t "
_PROGRESS: Final = re.compile(r"@ (\d+) (\d+) .*?([^/ ]+?)(?:\.o)?$")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A configured store. `outputs` maps a source id to its object, relative to `build`.

    `ensure` configures it again if another installation has done so since; whoever compiles calls
    it first, under the store's lock.
    """

    root: Path
    ninja: Path
    outputs: Mapping[str, str]
    log: Path
    ensure: Callable[[], object] = field(compare=False)

    @property
    def build(self) -> Path:
        """Return the directory ninja works in."""
        return self.root / "build"

    def object_of(self, source: str) -> Path:
        """Return where the object of a source is, or will be."""
        return self.build / self.outputs[source]

    def compile(self, sources: Iterable[str], host: Host, progress: BuildProgress) -> int:
        """Bring the objects of `sources` up to date; return how many had to be compiled.

        Raises `CommandError` with what failed.
        """
        targets = [self.outputs[source] for source in sources]
        return run_ninja(self.ninja, self.build, targets, host, log=self.log, progress=progress)

    def command_for(self, source: Path) -> tuple[str, ...]:
        """Return the compile command of a file, without its `-c` and `-o` parts.

        Nor does it name the precompiled header, which may not be there yet.
        """
        for entry in json.loads((self.build / "compile_commands.json").read_text()):
            if Path(entry["file"]) == source:
                words = shlex.split(entry["command"])
                return _without_pch(words[: words.index("-o")])
        raise CompileError(f"{source} is not among the files that can be compiled")


def _without_pch(words: list[str]) -> tuple[str, ...]:
    if "-include-pch" not in words:
        return tuple(words)
    at = words.index("-include-pch")  # between two `-Xclang`; the header's path follows
    return (*words[: at - 1], *words[at + 3 :])


def open_store(
    plan: BuildPlan,
    groups: Iterable[Group],
    files: Iterable[GeneratedFile],
    roots: Mapping[str, Path],
    host: Host,
    *,
    on_wait: Callable[[], None] | None = None,
) -> ObjectStore:
    """Write and configure the store of a plan; a configured one costs a few ms.

    `on_wait` is called when a build that compiles into the store has to end first.
    """
    root = host.cache / "objects" / f"{plan.target}-{plan.objects_fingerprint[:12]}"
    log = root / "build.log"
    files = tuple(files)
    project = fingerprint(files={str(file.path): file.text for file in files})

    def ensure() -> dict[str, str]:
        write_tree(files, root / "project")
        outputs = _known_outputs(root, project)
        if outputs is None:
            configure(plan, root / "project", root / "build", host, log=log)
            outputs = _outputs(root / "build", groups, roots)
            document = {"project": project, "outputs": outputs}
            write_atomic(root / "outputs.json", json.dumps(document, indent=0, sort_keys=True))
        return outputs

    with locked(root / "lock", on_wait=on_wait):
        outputs = ensure()
    return ObjectStore(root, plan.toolchain.ninja, outputs, log, ensure)


def _known_outputs(root: Path, project: str) -> dict[str, str] | None:
    """Return what the last configuration wrote, or None if it was of another project."""
    table = root / "outputs.json"
    if not table.is_file() or not (root / "build" / "build.ninja").is_file():
        return None
    known = json.loads(table.read_text())
    return dict(known["outputs"]) if known.get("project") == project else None


def configure(
    plan: BuildPlan,
    project: Path,
    build: Path,
    host: Host,
    *,
    log: Path,
    definitions: Mapping[str, Path] | None = None,
) -> None:
    """Run CMake over a generated project; raise `CommandError` when it fails."""
    extra = [f"-D{name}={value}" for name, value in (definitions or {}).items()]
    for known in build.glob("CMakeFiles/[0-9]*"):
        # what CMake keeps of a toolchain names its file, which may have been of an installation
        # that is gone; it is found out again in no time
        write_tree((), known)
    argv = (
        str(plan.toolchain.cmake),
        "-S", str(project),
        "-B", str(build),
        "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={plan.toolchain.ninja}",
        "-C", str(project / "initial-cache.cmake"),
        f"-DCMAKE_TOOLCHAIN_FILE={CMAKE / 'BuildRuntimeToolchain.cmake'}",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        "-DCMAKE_BUILD_TYPE=",
        *extra,
    )  # fmt: skip
    host.runner.run(Command(argv, project, host.child_env()), log=log)


def run_ninja(
    ninja: Path,
    build: Path,
    targets: Iterable[str],
    host: Host,
    *,
    log: Path,
    progress: BuildProgress,
) -> int:
    """Build ninja targets; return how many objects were compiled.

    Raises `CommandError` with the compile command that failed.

    The targets stand in a file of their own: hundreds of paths would not fit a line to paste.
    """
    escaped = (_SPECIAL.sub(r"$\g<0>", target) for target in targets)
    listed = "".join(f" $\n  {target}" for target in escaped)
    write_if_changed(build / "demand.ninja", f"include build.ninja\nbuild demand: phony{listed}\n")
    argv = (str(ninja), "-f", "demand.ninja", "-j", str(host.jobs), "demand")

    compiled = 0

    def on_line(line: str) -> None:
        nonlocal compiled
        compiled += line.startswith("@ ") and line.endswith(".o")
        if match := _PROGRESS.match(line):
            progress.compiled(int(match[1]), int(match[2]), match[3])

    command = Command(argv, build, host.child_env(NINJA_STATUS=_STATUS))
    try:
        host.runner.run(command, log=log, on_line=on_line)
    except CommandError as error:
        raise explain(error) from error
    return compiled


def explain(error: CommandError) -> CommandError:
    """Find the compile command that failed in ninja's output, so that it can be repeated alone.

    The log also holds what ran before; only what follows the last start of this command counts.
    """
    log = error.log.read_text(errors="replace")
    lines = log.rpartition(f"$ {error.command}\n")[2].splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("FAILED: ")]
    if not starts or starts[-1] + 1 >= len(lines):
        return error
    start = starts[-1]
    failed = lines[start + 1]
    output = [line for line in lines[start + 2 :] if not line.startswith(("ninja: ", "@ "))]
    command = Command(("/bin/sh", "-c", failed), error.command.cwd, error.command.env)
    return CommandError(command, error.status, error.log, tuple(output[-20:]))


def preprocessor(store: ObjectStore, host: Host) -> Callable[[Path], str]:
    """Return a function that expands the macros of a candidate source."""

    def preprocess(path: Path) -> str:
        argv = (*store.command_for(path), "-E", "-P", str(path))
        command = Command(argv, store.build, host.child_env())
        result = host.runner.capture(command)
        if result.status != 0:
            first = next((it for it in result.stderr.splitlines() if "error:" in it), "no message")
            raise CompileError(
                f"cannot preprocess {path.name}: {first}", hint=f"repeat it by hand:\n    {command}"
            )
        return result.stdout

    return preprocess


def _outputs(build: Path, groups: Iterable[Group], roots: Mapping[str, Path]) -> dict[str, str]:
    """Map source ids to objects with CMake's own compilation database."""
    by_file = {
        entry["file"]: Path(build, entry["output"]).relative_to(build).as_posix()
        for entry in json.loads((build / "compile_commands.json").read_text())
        if "output" in entry
    }
    return {
        f"{group.component}:{source}": by_file[str(roots[group.component] / source)]
        for group in groups
        for source in group.sources
    }
