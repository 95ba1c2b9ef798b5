"""Commands that fetch: programs found on PATH that do not outlive this process."""

import shutil
from pathlib import Path
from typing import Final

from builder.foundation.fetching.progress import Unavailable
from builder.foundation.process import Command, Host

_REASONS: Final = 3


def command(host: Host, cwd: Path, *argv: str, **env: str) -> Command:
    """Return the command with its program resolved; raise `Unavailable` if it is not installed.

    A download must end with us even when we are killed outright: otherwise it would go on, hold
    its locks and write the very files the next run resumes. `setpriv` asks the kernel for that.
    """
    path = host.env.get("PATH")
    program = shutil.which(argv[0], path=path)
    if program is None:
        message = f"{argv[0]} is not installed"
        raise Unavailable(message)
    setpriv = shutil.which("setpriv", path=path)
    bound = () if setpriv is None else (setpriv, "--pdeathsig", "KILL", "--")
    return Command((*bound, program, *argv[1:]), cwd, host.child_env(**env))


def reason(lines: list[str], *prefixes: str) -> str:
    """Return what a program said in lines that start so, shortened to a few, each once.

    Of several prefixes a line has, the first one given is removed.
    """
    told = [
        " ".join(line.removeprefix(prefix).split())
        for line in lines
        if (prefix := next((it for it in prefixes if line.startswith(it)), None)) is not None
    ]
    few = list(dict.fromkeys(told))[:_REASONS]
    return "; ".join(few) or (lines[-1].strip() if lines else "it said nothing")
