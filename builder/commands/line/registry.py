"""All commands by name, and the help that introduces them."""

import argparse
from collections.abc import Sequence
from typing import Final

from builder import VERSION
from builder.commands.line import artifacts, builds, carrying, machine, models
from builder.commands.line.arguments import Given, Parser
from builder.commands.line.command import AnyCommand

COMMANDS: Final[tuple[AnyCommand, ...]] = (
    builds.BUILD, models.CHECK, models.INSPECT, models.LOCK, builds.PLAN, artifacts.VERIFY,
    artifacts.REPORT,
    artifacts.BENCH, artifacts.SBOM, machine.TARGETS, machine.DOCTOR, machine.CACHE,
    *carrying.OF_THE_CACHE, carrying.BUNDLE,
)  # fmt: skip
NAMES: Final = tuple(it.name for it in COMMANDS)
EXIT_CODES: Final = """\
exit codes:
  0 ok                              5 compile or link failed
  1 our bug                         6 verification failed
  2 usage or configuration          7 size budget exceeded
  3 model or operator unsupported   130 interrupted
  4 toolchain or source not found
"""
_EPILOG: Final = f"""\
examples:
  build-runtime model.pt --abi arm64-v8a --input-shape 1,3,224,224
  build-runtime a.pt b.ptl --abi arm64-v8a,x86_64 --input a.npz --input b.pt -o dist/
  build-runtime plan model.pt --abi arm64-v8a      what would be compiled; compiles nothing
  build-runtime check model.pt                     will it work? needs no toolchain and no source
  build-runtime inspect model.pt                   the operators it calls; needs no toolchain

commands: {", ".join(NAMES)}   (`build-runtime COMMAND --help`)
Options marked (setting) are also keys of [tool.build-runtime] in pyproject.toml and environment
variables (BUILD_RUNTIME_ABI, …); flags win, then the environment, then the file.

{EXIT_CODES}"""


def main_parser() -> Parser:
    """Return the parser of `build-runtime MODEL...`."""
    parser = Parser(
        "build-runtime",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=builds.BUILD.usage,
        description=builds.BUILD.description,
        epilog=_EPILOG,
    )
    parser.add_argument("-V", "--version", action="version", version=f"build-runtime {VERSION}")
    return builds.BUILD.fill(parser)


def find(words: Sequence[str]) -> tuple[AnyCommand, Sequence[str]]:
    """Return the command that words begin with, and what it is given; a name may be two words.

    Without a name it is `build`.
    """
    commands = {tuple(it.name.split()): it for it in COMMANDS}
    for length in (2, 1):
        if command := commands.get(tuple(words[:length])):
            return command, words[length:]
    return builds.BUILD, words


def read(command: AnyCommand, words: Sequence[str]) -> Given[object]:
    """Return the words as values; raise `UsageError` for words the command does not take."""
    parser = main_parser() if command is builds.BUILD else command.parser()
    return parser.parse(words, command.options)
