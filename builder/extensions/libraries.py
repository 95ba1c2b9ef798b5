"""Whether desktop torch takes the libraries of the user's own operators: asked before a build."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from builder.foundation.process import Command, Host
from builder.foundation.resources import IMPORT_PATH
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Model


def refuse_unloadable(models: Iterable[Model], host: Host) -> None:
    """Raise `UsageError` where libraries of operators that models call cannot be loaded."""
    for own in dict.fromkeys(it.own for it in models if it.own.libraries):
        argv = (sys.executable, "-m", "builder.extensions.learning", json.dumps(own.document()))
        env = host.child_env(PYTHONPATH=str(IMPORT_PATH))
        result = host.runner.capture(Command(argv, Path.cwd(), env))
        if result.status != 0:
            told = result.stdout.strip() or result.stderr.strip().rpartition("\n")[2]
            names = ", ".join(map(str, own.libraries))
            raise UsageError(
                f"desktop torch does not take {names}: {told or f'status {result.status}'}",
                hint="give the library that was built for the torch of this Python, or leave"
                " --ops-library out: answers are not compared then",
            )
