"""Run programs of a target: natively where the machine can, else under qemu's user emulation."""

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.machine import processor
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.targets import Abi, Platform, Target, facts

_NATIVE: Final[Mapping[str, frozenset[Abi]]] = {
    "x86_64": frozenset({Abi.X86_64, Abi.X86}),
    "aarch64": frozenset({Abi.ARM64_V8A}),
}
_LOADERS: Final[Mapping[Abi, str]] = {
    Abi.X86_64: "/lib64/ld-linux-x86-64.so.2",
    Abi.X86: "/lib/ld-linux.so.2",
    Abi.ARM64_V8A: "/lib/ld-linux-aarch64.so.1",
}
_DEADLINE: Final = 900.0


@dataclass(frozen=True, slots=True)
class Executor:
    """How programs of a target run here. `how` is for people: `natively`, `under qemu-aarch64`."""

    prefix: tuple[str, ...]
    how: str

    def run(self, program: Path, *arguments: str, host: Host) -> Completed:
        """Run a program of the target to its end; slow emulation gets 15 minutes."""
        argv = (*self.prefix, str(program), *arguments)
        return host.runner.capture(Command(argv, Path("/"), host.child_env()), timeout=_DEADLINE)

    def line(self, program: Path, *arguments: str) -> str:
        """Return what to paste into a shell to run the same."""
        return shlex.join((*self.prefix, str(program), *arguments))


def find_executor(target: Target, host: Host) -> Executor | str:
    """Return how to run programs of `target` here, or the reason why that is impossible."""
    if target.platform is not Platform.LINUX:
        return f"{target.platform} programs do not run here; push them to a device"
    loader = _LOADERS.get(target.abi)
    if target.abi in _NATIVE.get(processor(), ()) and loader and Path(loader).exists():
        return Executor((), "natively")
    known = facts(target.abi)
    for name in (known.emulator, f"{known.emulator}-static"):
        if found := shutil.which(name, path=host.env.get("PATH", "")):
            if not Path(known.sysroot).is_dir():
                return (
                    f"{name} is here, but no C library for {target.abi} at {known.sysroot}"
                    " (Debian: libc6-*-cross)"
                )
            return Executor((found, "-L", known.sysroot), f"under {name}")
    return f"no {known.emulator} on PATH (Debian: apt install qemu-user)"


def registered_operators(executor: Executor, program: Path, host: Host) -> frozenset[str]:
    """Ask a runtime which operators are really registered in it."""
    result = executor.run(program, "--operators", host=host)
    hint = f"repeat it by hand: {executor.line(program, '--operators')}"
    if result.status != 0:
        raise VerificationError(
            f"the runtime does not start: {result.stderr.strip() or f'status {result.status}'}",
            hint=hint,
        )
    try:
        names = json.loads(result.stdout)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise VerificationError("the runtime does not list its operators", hint=hint)
    return frozenset(names)
