"""Single objects and libraries, compiled and linked exactly as builds do it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from builder.libtorch.flags import compile_flags, link_flags
from builder.toolchains.zig import ZIG
from builder.vocabulary.plan import LinkLine, Profile, SourceKind, Toolchain
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from tests.e2e.real import Tool, host_of, shared_cache

NAME: Final = "libbuild_runtime.so"


@dataclass(frozen=True)
class Workbench:
    """The tools of a target, at work in a folder."""

    target: Target
    toolchain: Toolchain
    line: LinkLine
    folder: Path

    def compile(self, source: Path, kind: SourceKind = SourceKind.OWN) -> Path:
        """Compile a source of a kind, C or C++."""
        flags = compile_flags(Profile(frozenset()), self.target.platform).kinds
        (known,) = (it for it in flags if it.kind is kind)
        made = self.folder / f"{source.stem}.o"
        is_c = source.suffix == ".c"
        tool = self.toolchain.cc if is_c else self.toolchain.cxx
        self.run(tool, *known.options, *(() if is_c else known.cxx), "-c", source, "-o", made)
        return made

    def link(self, exported: str, *objects: Path) -> tuple[Path, str]:
        """Link a library that exports these names; return what the linker printed, too."""
        text = f"BUILD_RUNTIME_1 {{ global: {exported}; local: *; }};"
        (self.folder / "exports.map").write_text(text)
        library = self.folder / NAME
        words = (*link_flags(self.target), *self.line.flags, "--print-icf-sections")
        told = self.run(
            *(self.toolchain.linker, *words, "--version-script", "exports.map", "-o", library),
            *(*objects, "--as-needed", *self.line.libraries),
        )
        return library, told

    def run(self, *words: object) -> str:
        """Run a program here; return what it printed."""
        done = subprocess.run(
            [*map(str, words)], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stderr}"
        return done.stdout


def open_workbench(abi: Abi, folder: Path, config: pytest.Config) -> Workbench:
    """Return the tools for an ABI of Linux, with the libraries that real builds use."""
    target, host = make_target(Platform.LINUX, abi), host_of(Tool(shared_cache(config)))
    toolchain = ZIG.prepare(target, host)
    with ZIG.link_line(toolchain, host) as finish:
        return Workbench(target, toolchain, finish(), folder)
