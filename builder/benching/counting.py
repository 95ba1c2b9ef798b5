"""How many instructions one run executes: the same number each time, on any machine.

qemu's user emulation counts them with a plugin of ours, built on the spot for this machine. A
program that runs the model once more than another executes the instructions of one run more.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.benching.programs import Program
from builder.foundation.cache import note_use
from builder.foundation.files import new_directory
from builder.foundation.process import Command, Host
from builder.foundation.resources import NATIVE
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.fingerprints import fingerprint

_SOURCE: Final = NATIVE / "emulation" / "count_instructions.c"
_FLAGS: Final = ("-shared", "-fPIC", "-O2")
_NAME: Final = "count_instructions.so"
_TOLD: Final = re.compile(r"^instructions: (\d+)$", re.MULTILINE)
_FEW: Final = 1
_MORE: Final = 2


@dataclass(frozen=True, slots=True)
class Counter:
    """An emulator of this machine with the plugin that counts; `sysroot` has a C library."""

    emulator: Path
    sysroot: Path | None
    plugin: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a program is run with."""
        library = ("-L", str(self.sysroot)) if self.sysroot else ()
        return (str(self.emulator), *library, "-plugin", str(self.plugin), "-d", "plugin")


def make_counter(
    emulator: Path, sysroot: Path | None, compiler: tuple[str, ...], host: Host
) -> Counter:
    """Build the plugin, once; raise `ToolchainError` when it does not compile or qemu has none."""
    counter = Counter(emulator, sysroot, _plugin(compiler, host))
    asked = Command((str(emulator), "--help"), Path("/"), host.child_env())
    if "-plugin" not in host.runner.capture(asked).stdout:
        raise ToolchainError(
            f"{emulator} cannot count instructions: it takes no plugins",
            looked_in=[f"{emulator} --help"],
            hint="statically linked builds of qemu have none: install one that is not"
            " (qemu-user of Debian 12 is), first on PATH",
        )
    return counter


def _plugin(compiler: tuple[str, ...], host: Host) -> Path:
    """Return the compiled plugin, which is kept with the emulators."""
    name = f"plugin-{fingerprint((_SOURCE.read_text(encoding='utf-8'), _FLAGS))[:12]}"
    folder = host.cache / "emulators" / name
    note_use(host.cache, folder)
    if not (folder / _NAME).is_file():
        with new_directory(folder) as scratch:
            argv = (*compiler, *_FLAGS, str(_SOURCE), "-o", str(scratch / _NAME))
            command = Command(argv, scratch, host.child_env())
            if (done := host.runner.capture(command)).status != 0:
                raise ToolchainError(
                    f"the plugin that counts instructions does not compile:"
                    f" {done.stderr.strip() or f'status {done.status}'}",
                    hint=f"repeat it by hand: {command}",
                )
    return folder / _NAME


def count_instructions(program: Program, counter: Counter, host: Host) -> int:
    """Return how many instructions a steady run executes on one thread."""
    counted = Program(counter.prefix, program.path, program.model, program.inputs)
    few, more = (_executed(counted, runs, host) for runs in (_FEW, _MORE))
    return (more - few) // (_MORE - _FEW)


def _executed(program: Program, runs: int, host: Host) -> int:
    told = _TOLD.search(program.complete(program.words(1, runs, warmup=1), host).stderr)
    if told is None:
        raise ToolchainError(
            "qemu did not tell how many instructions it executed",
            looked_in=[program.prefix[0]],
            hint="its interface of plugins may be another than version 1: use qemu 4.2 to 8.2",
        )
    return int(told[1])


def find_emulator(name: str, host: Host) -> Path | None:
    """Return the emulator of that name on PATH."""
    found = shutil.which(name, path=host.env.get("PATH", ""))
    return Path(found) if found else None
