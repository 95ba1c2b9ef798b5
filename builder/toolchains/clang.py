"""The clang inside zig, called directly: zig is asked once what its driver would tell it.

Note [Direct]. zig's driver spoils two things that make libraries small. It compiles by way of a
partial link, which numbers the symbols anew but not the table of those whose address is compared
(`.llvm_addrsig`): the linker could fold no equal functions. And it drops
`-fno-asynchronous-unwind-tables`, so functions that cannot throw would get unwind tables, too.

What the driver says of the processor is left out: it names each feature that is off, after what a
group of sources asks for. The processor is told as people tell it to clang.
"""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from builder.foundation.files import write_atomic
from builder.foundation.process import Command, Host
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import Toolchain

_LANGUAGES: Final = {"cc": "c", "cxx": "c++"}
_FOLDER: Final = "<CFGDIR>"
"""How a configuration names the folder it is in: https://clang.llvm.org/docs/UsersManual.html"""

_OF_THE_PROBE: Final = frozenset({"-###", "-S", "-c", "/dev/null"})


def configuration(compiler: Path) -> Path:
    """Return the file that tells clang what the driver of a wrapper would."""
    return compiler.with_name(f"{compiler.name}.cfg")


def learn_clang(toolchain: Toolchain, headers: Path, processor: Iterable[str], host: Host) -> None:
    """Ask zig how it calls the clang inside, for C and for C++, and keep the answers.

    `headers` is the folder where zig's headers are. A cache can be moved: they are named from where
    the answers are. Raise `ToolchainError` if zig does not say.
    """
    for compiler in (toolchain.cc, toolchain.cxx):
        if not configuration(compiler).is_file():
            # zig quotes nothing, and there may be a space in the name of a cache
            told = _asked(toolchain, compiler, host).replace(
                str(headers), f"{_FOLDER}/../{headers.name}"
            )
            lines = [*_kept(shlex.split(told)), *processor]
            write_atomic(configuration(compiler), "\n".join([*lines, ""]))


def _asked(toolchain: Toolchain, compiler: Path, host: Host) -> str:
    """Return zig's words for clang; nothing is compiled. With `-c`, zig would not be asked."""
    argv = (
        str(compiler), "-###", "-Os", "-S", "-x", _LANGUAGES[compiler.name], "/dev/null",
        "-o", "probe.s",
    )  # fmt: skip
    command = Command(argv, compiler.parent, host.child_env(ZIG_VERBOSE_CC="1"))
    result = host.runner.capture(command)
    lines = [it for it in result.stderr.splitlines() if " clang " in it and "/dev/null" in it]
    if result.status != 0 or not lines:
        known = toolchain.compiler
        reason = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise ToolchainError(
            f"{known.name} {known.version} does not say how it compiles for {toolchain.target}:"
            f" {reason}",
            hint=f"repeat it by hand:\n    {command}",
        )
    return lines[0].partition(" clang ")[2]


def _kept(words: Iterable[str]) -> Iterator[str]:
    """Leave out what is about the probe: its files, its optimisation, its processor."""
    rest = iter(words)
    for word in rest:
        if word in ("-Xclang", "-o", "-x"):
            next(rest, None)
        elif word not in _OF_THE_PROBE and not word.startswith(("-O", "-M")):
            yield word
