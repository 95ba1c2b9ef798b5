"""Run programs of a target: natively where the machine can, else under qemu's user emulation.

A runner of the user's own comes first: it reaches what no machine like this one can be.
"""

import json
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.machine import processor
from builder.foundation.process import Host
from builder.proof.adb import find_device, is_device
from builder.proof.emulators import fetch_emulator, find_emulator, needed_packages
from builder.proof.executor import Executor, UnfitError
from builder.vocabulary.errors import ToolchainError, VerificationError
from builder.vocabulary.targets import Target, platform_facts, target_facts

NATIVELY: Final = "natively"
"""How programs run that need no emulator."""

_STARTING: Final = 120.0
"""Seconds that a program gets which only starts: a runner that hangs is told soon."""

UNDER: Final = "under "
"""How it begins where an emulator runs them."""


def find_runner(line: str, host: Host) -> Executor:
    """Return how the user's own runner runs programs; raise `ToolchainError` if there is none."""
    if is_device(line):
        return find_device(line, host)
    try:
        name, *words = shlex.split(line)
    except ValueError as error:
        raise ToolchainError(
            f"the runner {line!r} is no command ({error})", hint="write it as for a shell"
        ) from error
    found = shutil.which(name, path=host.env.get("PATH", ""))
    if found is None:
        raise ToolchainError(
            f"the runner {name} was not found",
            looked_in=[_place(name)],
            hint="--runner names a program that runs programs of the target, by its path or name",
        )
    return Executor((str(Path(found).absolute()), *words), f"by {name}", shows_library=True)


def _place(name: str) -> str:
    """Return where a program was looked for, and what is there if not a program."""
    if "/" not in name:
        return "$PATH"
    return f"{name} ({'not executable' if Path(name).exists() else 'no such file'})"


def find_executor(target: Target, host: Host, runner: str = "") -> Executor | str:
    """Return how to run programs of `target` here, or the reason why that is impossible.

    The user's own `runner` comes first, then what the system has, then what was fetched earlier.
    Raise `ToolchainError` for a runner that is not there.
    """
    if runner:
        return find_runner(runner, host)
    if reason := platform_facts(target.platform).never_here:
        return reason
    known = target_facts(target)
    if processor() in known.native_on and Path(known.loader).exists():
        return Executor((), NATIVELY)
    lacking = f"no {known.emulator} on PATH"
    for name in (known.emulator, f"{known.emulator}-static"):
        if found := shutil.which(name, path=host.env.get("PATH", "")):
            if Path(known.sysroot).is_dir():
                return Executor((found, "-L", known.sysroot), f"{UNDER}{name}")
            lacking = f"{name} is here, but no C library for {target.abi} at {known.sysroot}"
    if (fetched := find_emulator(target, host)) is not None:
        return Executor(
            (str(fetched.program), "-L", str(fetched.sysroot)), f"{UNDER}{fetched.what}"
        )
    return f"{lacking} (Debian: apt install {' '.join(needed_packages(target))})"


def fetch_executor(
    target: Target, host: Host, runner: str = "", *, progress: Progress
) -> Executor | str:
    """Return how to run programs of `target`, fetching what that takes, or why it is impossible."""
    found = find_executor(target, host, runner)
    if isinstance(found, Executor) or not needed_packages(target):
        return found
    try:
        fetch_emulator(target, host, progress)
    except Unavailable as failure:
        return f"{found}, and it cannot be fetched: {failure}"
    return find_executor(target, host)


def reach(found: Executor | str, target: Target, host: Host) -> Executor | str:
    """Return what was found, ready to run, or the reason why programs of `target` cannot run.

    Raise `ToolchainError` if a device cannot be used at all.
    """
    try:
        return found if isinstance(found, str) else found.reach(target, host)
    except UnfitError as error:
        return error.message


def refuse_unfit(runner: str, targets: Iterable[Target], host: Host) -> None:
    """Raise `ToolchainError` where the user's own runner runs programs of none of the targets."""
    unfit: list[UnfitError] = []
    for target in targets:
        try:
            find_runner(runner, host).reach(target, host)
        except UnfitError as error:
            unfit.append(error)
        else:
            return
    if unfit:
        raise UnfitError("; ".join(it.message for it in unfit), hint=unfit[0].hint)


def registered_operators(executor: Executor, program: Path, host: Host) -> frozenset[str]:
    """Ask a runtime which operators are really registered in it."""
    result = executor.run(program, "--operators", host=host, within=_STARTING)
    hint = f"repeat it by hand: {executor.line(program, '--operators')}"
    if result.status != 0:
        raise VerificationError(
            f"the runtime does not start: {result.stderr.strip() or result.ending}",
            hint=hint,
        )
    try:
        names = json.loads(result.stdout)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise VerificationError("the runtime does not list its operators", hint=hint)
    return frozenset(names)
