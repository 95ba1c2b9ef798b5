"""The folder ninja works in: a CMake project whose commands name no path of the machine.

Note [Relative commands]: everything a command names lies in the folder it runs in, by way of links:
`project/` is generated, `tree/` leads to the sources, `tools/` to the compiler. So a folder that is
moved with its cache is configured again, and its commands, which decide whether ninja compiles
anything, stay the same.

Note [Moved folders]: ninja goes by the times of files, and a copy has others. What a file held when
its time was noted decides: a file that still holds it gets the noted time back.

Note [Precompiled headers]: clang writes absolute paths into them. They serve in the folder they
were made in alone, so a moved folder makes them anew before it compiles anything, and gives them
their former times: the objects that were made with them are as good as before. The same is done to
empty ones, which a launcher left (Note [Launchers] in `launching.session`). One file stands in
the objects' dependencies by its absolute path, the source of the precompiled header. Ninja is told
where that file is now.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final

from builder.compilation import times
from builder.compilation.output import BuildProgress
from builder.compilation.shared.launching.objects import is_whole_object
from builder.compilation.shared.launching.session import Launch, write_stand_ins
from builder.compilation.shared.packs.offers import find_offers
from builder.foundation.files import (
    replace_link,
    set_time,
    write_atomic,
    write_if_changed,
    write_tree,
)
from builder.foundation.process import Command, CommandError, Host
from builder.vocabulary.errors import CompileError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.plan import GeneratedFile, Toolchain

TREE: Final = "tree"
"""The folder with the trees of all components; commands name sources from here."""

_SPECIAL: Final = re.compile(r"[ :$]")  # what a path of ninja's language needs a `$` before
_STATUS: Final = "@ %f %t "
_PROGRESS: Final = re.compile(r"@ (\d+) (\d+) .*?([^/ ]+?)(?:\.o)?$")
_PRECOMPILED: Final = "_precompiled.dir/"


@dataclass(frozen=True, slots=True)
class Project:
    """What a workspace is made of: generated files, and where the trees of its sources are.

    `copied` trees are small and belong to the installed program: the workspace has its own. `roots`
    are the sources whose objects a link begins with, relative to the folder ninja works in;
    `demanded` are the ids of sources that are compiled when something needs them.
    """

    files: tuple[GeneratedFile, ...]
    linked: tuple[tuple[str, Path], ...]
    copied: tuple[tuple[str, Path], ...] = ()
    roots: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """How many objects were compiled by a run of ninja, and how many were taken from packs."""

    compiled: int = 0
    taken: int = 0

    def __add__(self, other: "Ran") -> "Ran":
        return Ran(self.compiled + other.compiled, self.taken + other.taken)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder of the cache with a project in it, to be used by one process at a time.

    What is compiled in it is compiled by way of a launcher, if there is a `launch`. Objects are
    taken from `packs`, a folder with some, where they are what compiling would make.
    """

    root: Path
    toolchain: Toolchain
    launch: Launch | None = None
    packs: Path | None = None

    @property
    def build(self) -> Path:
        """Return the folder ninja works in; all paths of its commands are relative to it."""
        return self.root / "build"

    @property
    def log(self) -> Path:
        """Return where the output of all commands goes."""
        return self.root / "build.log"

    @property
    def lock(self) -> Path:
        """Return the file to lock while anything in the workspace is used."""
        return self.root / "lock"

    def configure(
        self, project: Project, host: Host, definitions: Mapping[str, str] | None = None
    ) -> bool:
        """Write the project, and run CMake unless it did so for an equal one, in this place.

        Return whether it ran; raise `CommandError` when it fails.
        """
        self._write(project, host)
        place = _place(self.build)
        former = _read_places(self.root / "places.json")
        moved = not former or former[-1] != place
        digest = fingerprint((project.files, dict(definitions or {}), place))
        stamp = self.root / "configured"
        if not moved and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return False
        stamp.unlink(missing_ok=True)
        if moved:
            self._settle(host)
        self._run_cmake(host, definitions or {})
        places = [it for it in former if it != place]
        write_atomic(self.root / "places.json", json.dumps([*places, place]))
        write_atomic(stamp, digest)
        return True

    def commands(self) -> tuple[tuple[str, str], ...]:
        """Return every compile command, and the object it makes, relative to the folder."""
        return tuple(
            (entry["command"], _relative(entry["output"], self.build)) for entry in self._database()
        )

    def outputs(self) -> dict[str, str]:
        """Return the object of each source that can be compiled; both relative to the folder."""
        return {
            _relative(entry["file"], self.build): _relative(entry["output"], self.build)
            for entry in self._database()
        }

    def _database(self) -> list[dict[str, str]]:
        text = (self.build / "compile_commands.json").read_text(encoding="utf-8")
        return [entry for entry in json.loads(text) if "output" in entry]

    def run_ninja(self, targets: Sequence[str], host: Host, progress: BuildProgress) -> Ran:
        """Build ninja targets; return how many objects were compiled, or taken from packs.

        Raise `CommandError` with the compile command that failed.
        """
        taken = self._take_packed(targets, host, progress)
        self._demand(targets)
        compiled: list[str] = []

        def on_line(line: str) -> None:
            if line.startswith("@ ") and line.endswith(".o") and _PRECOMPILED not in line:
                compiled.append(line.rpartition(" ")[2])
            if match := _PROGRESS.match(line):
                progress.compiled(int(match[1]), int(match[2]), match[3])

        launch = self.launch if self.launch and self.launch.serves else None
        try:
            trouble = self._launch(launch, host, on_line, compiled) if launch else ""
            if launch is None or trouble:
                self._renew_precompiled(host)
                host.runner.run(self._ninja(host), log=self.log, on_line=on_line)
            if launch and trouble:  # and the compiler alone had none
                launch.give_up(trouble)
        except CommandError as error:
            raise explain(error) from error
        finally:
            if compiled or taken:
                self._note_times(host)
        return Ran(len(compiled), taken)

    def _take_packed(self, targets: Iterable[str], host: Host, progress: BuildProgress) -> int:
        """Take the objects of packs that are not there yet; return how many there were."""
        if self.packs is None or not self.packs.is_dir():
            return 0
        wanted = [it for it in targets if it.endswith(".o") and not (self.build / it).exists()]
        offers = find_offers(self.packs, wanted, self.build, self.commands()) if wanted else ()
        if not offers:
            return 0
        progress.step(f"taking {len(offers)} objects from packs")
        stand_ins = write_stand_ins(self.toolchain, host)
        with TemporaryDirectory(dir=self.root, prefix="packed.") as name:
            for offer in offers:
                path = Path(name, offer.packed.output)
                replace_link(path, offer.path)
                write_atomic(Path(f"{path}.d"), offer.dependencies)
            self._demand(it.packed.output for it in offers)
            command = self._ninja(host)
            command = replace(command, env={**command.env, "LAID_OUT": name})
            self._link_tools(stand_ins / "cc", stand_ins / "cxx", host)
            try:
                host.runner.run(command, log=self.log)
            except CommandError as error:
                progress.step(
                    f"compiling what packs have: {error.tail[-1] if error.tail else error}"
                )
            finally:
                self._link_tools(self.toolchain.cc, self.toolchain.cxx, host)
        return sum((self.build / it.packed.output).exists() for it in offers)

    def _launch(
        self, launch: Launch, host: Host, on_line: Callable[[str], None], compiled: list[str]
    ) -> str:
        """Build by way of a launcher; return why what is missing has to be built without."""
        command = self._ninja(host)
        command = replace(command, env={**command.env, **launch.environment})
        self._link_tools(launch.cc, launch.cxx, host)
        try:
            host.runner.run(command, log=self.log, on_line=on_line)
        except CommandError as error:
            return f"a command that calls it ended with status {error.status}"
        finally:
            self._link_tools(self.toolchain.cc, self.toolchain.cxx, host)
        abi = self.toolchain.target.abi
        broken = [it for it in compiled if not is_whole_object(self.build / it, abi)]
        for it in broken:
            (self.build / it).unlink(missing_ok=True)
            compiled.remove(it)
        return f"what it made is no object for {abi} ({', '.join(broken)})" if broken else ""

    def _demand(self, targets: Iterable[str]) -> None:
        """Write what ninja is asked for: hundreds of paths would not fit a line to paste."""
        listed = "".join(f" $\n  {_escaped(target)}" for target in targets)
        text = f"include build.ninja\n{self._aliases()}build demand: phony{listed}\n"
        write_if_changed(self.build / "demand.ninja", text)

    def _ninja(self, host: Host, *words: str) -> Command:
        ninja = str(self.toolchain.ninja)
        argv = (ninja, "-f", "demand.ninja", "-j", str(host.jobs), *words, "demand")
        return Command(argv, self.build, host.child_env(NINJA_STATUS=_STATUS))

    def _link_tools(self, cc: Path, cxx: Path, host: Host) -> None:
        """Let commands call these compilers: no command changes, so nothing is compiled anew."""
        for name, tool in (("cc", cc), ("cxx", cxx)):
            replace_link(self.build / "tools" / name, tool, within=host.cache)

    def _write(self, project: Project, host: Host) -> None:
        """Bring the folder up to date: files that changed alone get another time."""
        write_tree(project.files, self.build / "project")
        for name, tree in project.linked:
            replace_link(self.build / TREE / name, tree, within=host.cache)
        for name, tree in project.copied:
            write_tree(texts(tree), self.build / TREE / name)
        self._link_tools(self.toolchain.cc, self.toolchain.cxx, host)

    def _settle(self, host: Host) -> None:
        """Forget what CMake remembers of another place, and give files their times back."""
        (self.build / "CMakeCache.txt").unlink(missing_ok=True)
        if times.restore(self.root / "times.json", self.build, host.cache):
            former = {name: it.st_mtime_ns for name, it in self._headers()}
            if former:
                write_atomic(self._foreign, json.dumps(former))

    def _headers(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the precompiled headers that are there."""
        for path in self.build.glob(f"CMakeFiles/*{_PRECOMPILED}**/*.o"):
            yield _relative(str(path), self.build), path.stat()

    def _unusable_headers(self) -> dict[str, int]:
        """Return the precompiled headers of another place and empty ones, with their times."""
        foreign = json.loads(self._foreign.read_text("utf-8")) if self._foreign.exists() else {}
        empty = {name: it.st_mtime_ns for name, it in self._headers() if not it.st_size}
        return {**empty, **foreign}

    @property
    def _foreign(self) -> Path:
        """Return what names the precompiled headers of another place, with their times."""
        return self.root / "precompiled.json"

    def _run_cmake(self, host: Host, definitions: Mapping[str, str]) -> None:
        for known in self.build.glob("CMakeFiles/[0-9]*"):
            # what CMake keeps of a toolchain names its file, which may have been of an installation
            # that is gone; it is found out again in no time
            shutil.rmtree(known)
        argv = (
            str(self.toolchain.cmake),
            "-S", str(self.build / "project"),
            "-B", str(self.build),
            "-G", "Ninja",
            f"-DCMAKE_MAKE_PROGRAM={self.toolchain.ninja}",
            "-C", str(self.build / "project" / "initial-cache.cmake"),
            f"-DCMAKE_TOOLCHAIN_FILE={self.toolchain.cmake_file}",
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
            "-DCMAKE_BUILD_TYPE=",
            *(f"-D{name}={value}" for name, value in definitions.items()),
        )  # fmt: skip
        host.runner.run(Command(argv, self.build, host.child_env()), log=self.log)

    def _aliases(self) -> str:
        """Return rules that lead from where precompiled headers were to where they are."""
        headers = sorted(it.name for it in (self.build / "precompiled").glob("*"))
        places = [it["path"] for it in _read_places(self.root / "places.json")]
        return "".join(
            f"build {_escaped(f'{place}/precompiled/{name}')}: phony precompiled/{name}\n"
            for place in sorted({*places} - {str(self.build.resolve())})
            for name in headers
        )

    def _renew_precompiled(self, host: Host) -> None:
        """Make precompiled headers of another place anew, if anything is to be compiled."""
        former = self._unusable_headers()
        if not former:
            return
        told = host.runner.capture(self._ninja(host, "-n"))
        if not any(line.endswith(".o") for line in told.stdout.splitlines()):
            return
        for name in former:
            (self.build / name).unlink(missing_ok=True)
        argv = (str(self.toolchain.ninja), "-j", str(host.jobs), *former)
        host.runner.run(Command(argv, self.build, host.child_env()), log=self.log)
        for name, time in former.items():
            set_time(self.build / name, time)
        self._foreign.unlink(missing_ok=True)

    def _note_times(self, host: Host) -> None:
        names = times.parse_deps(self._dependencies(host)) | self._own_headers()
        times.note(self.root / "times.json", self.build, names)

    def inputs(self, host: Host) -> dict[str, tuple[str, ...]]:
        """Return the objects that ninja knows, and of each the files that it was made of.

        Headers that only headers of upstream include are among those of all, as compilers do not
        tell; upstream's own are left out.
        """
        ours = self._own_headers()
        return {
            output: tuple(sorted({*names} | ours))
            for output, names in times.parse_inputs(self._dependencies(host)).items()
        }

    def up_to_date(self, host: Host) -> dict[str, tuple[str, ...]]:
        """Return the objects that ninja would not compile again, and the inputs of each.

        `ninja -t deps` compares an object with what was noted of it, and neither with its inputs
        nor with its command: an older installation may have made it.
        """
        found = {
            output: inputs
            for output, inputs in self.inputs(host).items()
            if all((self.build / it).is_file() for it in (output, *inputs))
        }
        if not found:
            return {}
        self._demand(sorted(found))
        command = self._ninja(host, "-n")
        told = host.runner.capture(command)
        if told.status != 0:
            reason = (told.stderr or told.stdout).strip().rpartition("\n")[2]
            raise CompileError(
                f"ninja does not tell which objects are up to date: {reason or told.ending}",
                hint=f"repeat it by hand:\n    {command}",
            )
        stale = {line.rpartition(" ")[2] for line in told.stdout.splitlines()}
        return {output: it for output, it in found.items() if output not in stale}

    def _dependencies(self, host: Host) -> str:
        argv = (str(self.toolchain.ninja), "-t", "deps")
        return host.runner.capture(Command(argv, self.build, host.child_env())).stdout

    def _own_headers(self) -> frozenset[str]:
        """Return the headers that CMake's logic makes objects depend on."""
        folders = (self.build / "project/include", self.build / "include")
        headers = (path for folder in folders for path in folder.rglob("*.h"))
        return frozenset(path.relative_to(self.build).as_posix() for path in headers)


def place_of(source: str) -> str:
    """Return where commands find a source, given by its id `component:path`."""
    component, _, path = source.partition(":")
    return f"{TREE}/{component}/{path}"


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


def _escaped(path: str) -> str:
    """Return a path as ninja's language spells it."""
    return _SPECIAL.sub(r"$\g<0>", path)


def _place(build: Path) -> dict[str, Any]:
    """Return what tells a folder from a copy of it, and from itself in another place."""
    return {"path": str(build.resolve()), "number": build.stat().st_ino}


def texts(tree: Path) -> Iterable[GeneratedFile]:
    """Yield the files of a tree, all of which are text."""
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            place = PurePosixPath(path.relative_to(tree).as_posix())
            yield GeneratedFile(place, path.read_text(encoding="utf-8"))


def _relative(path: str, build: Path) -> str:
    """Return a path of CMake's database as commands name it."""
    return Path(build, path).relative_to(build).as_posix()


def _read_places(path: Path) -> list[dict[str, Any]]:
    """Read where a folder was, the last place last; what is absent or damaged says nothing."""
    try:
        places = json.loads(path.read_text(encoding="utf-8"))
        return [{"path": str(it["path"]), "number": int(it["number"])} for it in places]
    except (OSError, ValueError, LookupError, TypeError):
        return []
