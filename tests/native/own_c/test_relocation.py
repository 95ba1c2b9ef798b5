"""The library relocates itself: linked as builds link it, loaded by real loaders."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.elf import read_elf
from builder.vocabulary.targets import Abi, target_facts
from tests.native.workbench import open_workbench
from tests.places import ROOT

HERE: Final = Path(__file__).parent
RELOCATION: Final = ROOT / "native" / "src" / "start" / "relocation.cpp"
SUM: Final = 100 * 1 + 100 * 2 + 5


@pytest.mark.parametrize("abi", [Abi.X86_64, Abi.ARMEABI_V7A])
def test_words_are_relocated_once_before_constructors_and_sealed(
    abi: Abi, tmp_path: Path, pytestconfig: pytest.Config, require: Callable[[str], Path]
) -> None:
    bench = open_workbench(abi, tmp_path, pytestconfig)
    objects = bench.compile(HERE / "relocated.c"), bench.compile(RELOCATION)
    library, _ = bench.link("added; constructed; sealed; relocate_again", *objects)
    elf = read_elf(library)
    assert {"DT_ANDROID_RELR", "DT_INIT"} <= elf.dynamic
    assert not {"DT_RELR", "DT_TEXTREL"} & elf.dynamic

    program = tmp_path / "load_relocated"
    bench.run(bench.toolchain.cc, HERE / "load_relocated.c", "-ldl", "-o", program)
    facts = target_facts(bench.target)
    emulated = abi is not Abi.X86_64
    prefix = (require(facts.emulator), "-L", facts.sysroot) if emulated else ()
    first, again = bench.run(*prefix, program, library).splitlines()
    assert first == f"{SUM} {SUM} 0", "constructors see it, and nobody writes there"
    assert again == f"{SUM} 0", "what is relocated stays as it is"
