"""The command line: argv, environment, stdout and the exit code; the only `print`."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from builder.commands.exchange import Answer
from builder.commands.line.builds import BUILD
from builder.commands.line.registry import NAMES, find, main_parser, read
from builder.commands.line.session import open_session
from builder.foundation.configuration import read_table, resolve
from builder.foundation.console import Console, make_console
from builder.vocabulary.errors import BuildRuntimeError, UsageError, did_you_mean


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911  one for each way to end
    """Run the command line; return the exit code. The only place that catches everything."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # CI cancels with SIGTERM: end what runs below, as for Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _dispatch(words)
    except SystemExit as ended:  # argparse, after it printed --help
        return int(ended.code or 0)
    except BuildRuntimeError as error:
        return _show_error(error, as_json="--json" in words)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # what is left in the buffer must not be written, and fail, once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        wrapped = UsageError(
            f"{error.strerror or error}{where}",
            hint="make room or change the path, then run the same command again",
        )
        return _show_error(wrapped, as_json="--json" in words)
    except Exception:  # noqa: BLE001  whatever is left is our bug, and says so
        traceback.print_exc()
        print(
            "\nthis is a bug in build-runtime: please report it with the text above",
            file=sys.stderr,
        )
        return 1


def _dispatch(words: list[str]) -> int:
    if not words:
        print(main_parser().format_help())
        return 2
    command, rest = find(words)
    if command is BUILD and len(rest) == len(words):
        _refuse_misspelled_command(words[0])
    given = read(command, rest)
    console = _console(quiet=given.shown.quiet)
    try:
        resolved = resolve(given.flags, os.environ, read_table(Path.cwd()))
        session = open_session(resolved, given.shown, os.environ, console)
        answer = command.run(given.options, session)
    finally:
        console.close()
    return _show(answer, as_json=given.shown.json)


def _refuse_misspelled_command(word: str) -> None:
    """Refuse a first word that is no file but nearly a command: it was meant as one."""
    if "." in word or "/" in word or word.startswith("-") or Path(word).exists():
        return
    if near := did_you_mean(word, NAMES):
        raise UsageError(
            f"no such model or command: {word}{near}",
            hint="build-runtime --help lists the commands",
        )


def _console(*, quiet: bool) -> Console:
    ci = bool(os.environ.get("CI")) or os.environ.get("TERM") == "dumb"
    return make_console(quiet=quiet, ci=ci)


def _show(answer: Answer, *, as_json: bool) -> int:
    print(json.dumps({"version": 1, **answer.document}, indent=2) if as_json else answer.text)
    return answer.exit_code if answer.error is None else _show_error(answer.error, as_json=False)


def _show_error(error: BuildRuntimeError, *, as_json: bool) -> int:
    print(f"error: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps({"version": 1, **error.document()}, indent=2))
    return error.exit_code
