"""The main command's options, and the help that introduces all commands."""

import argparse
from typing import Final

from builder import VERSION
from builder.commands.options import (
    WANTED,
    Parser,
    add_common,
    add_extra,
    add_inputs,
    add_models,
    add_no_verify,
    add_output,
    add_target,
)

COMMANDS: Final = (
    "build", "check", "inspect", "lock", "plan", "verify", "report", "targets", "doctor", "cache",
)  # fmt: skip
EXIT_CODES: Final = """\
exit codes:
  0 ok                              5 compile or link failed
  1 our bug                         6 verification failed
  2 usage or configuration          7 size budget exceeded
  3 model or operator unsupported   130 interrupted
  4 toolchain or source not found
"""
_DESCRIPTION: Final = """\
Build a LibTorch-lite runtime that holds exactly the operators your models call,
prove that it runs them, and package it with the models."""
_EPILOG: Final = f"""\
examples:
  build-runtime model.pt --abi arm64-v8a --input-shape 1,3,224,224
  build-runtime a.pt b.ptl --abi arm64-v8a,x86_64 --input a.npz --input b.pt -o dist/
  build-runtime plan model.pt --abi arm64-v8a      what would be compiled; compiles nothing
  build-runtime check model.pt                     will it work? needs no toolchain and no source
  build-runtime inspect model.pt                   the operators it calls; needs no toolchain

commands: {", ".join(COMMANDS)}   (`build-runtime COMMAND --help`)
Options marked (setting) are also keys of [tool.build-runtime] in pyproject.toml and environment
variables (BUILD_RUNTIME_ABI, …); flags win, then the environment, then the file.

{EXIT_CODES}"""


def main_parser() -> Parser:
    """Return the parser of `build-runtime MODEL...`."""
    parser = Parser(
        "build-runtime",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="build-runtime MODEL... --abi ABI[,ABI] [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("-V", "--version", action="version", version=f"build-runtime {VERSION}")
    add_models(parser, WANTED)
    add_extra(parser)
    add_output(parser)
    add_target(parser)
    add_inputs(parser)
    add_no_verify(parser)
    add_common(parser)
    return parser
