from dataclasses import replace

import pytest

from builder.libtorch.candidates import Group, read_rows
from builder.proof.instruction_sets import _AS_LINUX_SAYS, _NOT_EMULATED, instruction_sets
from builder.vocabulary.checks import OUTPUTS, Check, InstructionSet, Outcome
from builder.vocabulary.plan import SourceKind

NATIVE = Check(name=OUTPUTS, outcome=Outcome.PASSED, runner="natively")
EMULATED = Check(name=OUTPUTS, outcome=Outcome.PASSED, runner="under qemu-x86_64")
SKIPPED = Check(name=OUTPUTS, outcome=Outcome.SKIPPED, reasons=("no inputs",))
MODERN = frozenset({"ssse3", "sse4_1", "avx", "f16c", "fma", "avx2"})


def group(isa: str, *sources: str) -> Group:
    return Group(f"xnn-{isa}", SourceKind.MICROKERNEL, "xnnpack", "C", sources, (), (), isa=isa)


GROUPS = (
    group("", "src/f32-gemm/sse.c", "src/f32-vadd/sse.c"),
    group("avx", "src/f32-gemm/avx.c", "src/f32-vadd/avx.c"),
    group("fma3", "src/f32-gemm/fma3.c"),
    group("avx512f", "src/f32-gemm/avx512f.c", "src/f32-vadd/avx512f.c"),
)
ALL = frozenset(name for it in GROUPS for name in it.ids)


def told(*checks: Check, linked: frozenset[str] = ALL) -> dict[str, bool]:
    return {it.name: it.run for it in instruction_sets(GROUPS, linked, checks, MODERN)}


def test_a_processor_takes_the_best_it_has_for_each_purpose() -> None:
    assert told(NATIVE) == {"avx": True, "fma3": True, "avx512f": False}
    gemm = frozenset(it for it in ALL if "gemm" in it)
    assert told(NATIVE, linked=gemm) == {"avx": False, "fma3": True, "avx512f": False}


def test_an_emulator_has_more_than_this_machine_may_have() -> None:
    assert instruction_sets(GROUPS[:3], ALL, [EMULATED], frozenset()) == (
        InstructionSet("avx", run=True),
        InstructionSet("fma3", run=True),
    )


def test_an_emulator_of_x86_lacks_the_widest_and_those_for_neural_networks() -> None:
    assert told(EMULATED) == {"avx": True, "fma3": True, "avx512f": False}
    lacking = ("avx512skx", "avxvnni", "avx512vnni")
    groups = [group(it, f"src/qs8-gemm/{it}.c") for it in lacking]
    linked = {name for it in groups for name in it.ids}
    found = instruction_sets(groups, linked, [EMULATED], MODERN)
    assert found == tuple(InstructionSet(it, run=False) for it in lacking)


def test_what_a_processor_has_and_the_emulator_lacks_has_run_where_both_ran() -> None:
    found = instruction_sets(GROUPS, ALL, [NATIVE, EMULATED], MODERN | {"avx512f"})
    assert InstructionSet("avx512f", run=True) in found


@pytest.mark.parametrize("runner", ["by adb on R58", "in a twin for linux-x86_64, natively"])
def test_what_ran_elsewhere_is_not_claimed(runner: str) -> None:
    elsewhere = replace(NATIVE, runner=runner)
    assert told(elsewhere) == {"avx": False, "fma3": False, "avx512f": False}


def test_what_was_not_run_is_said_to_be_so() -> None:
    assert told(SKIPPED) == {"avx": False, "fma3": False, "avx512f": False}
    assert told() == told(SKIPPED)


def test_a_library_without_such_kernels_has_no_instruction_sets() -> None:
    assert instruction_sets(GROUPS, frozenset(), [NATIVE], MODERN) == ()
    (only,) = instruction_sets(GROUPS, {"xnnpack:src/f32-gemm/fma3.c"}, [NATIVE], MODERN)
    assert only == InstructionSet("fma3", run=True)


def test_linux_has_a_word_for_each_instruction_set_of_the_table() -> None:
    assert {row["isa"] for row in read_rows() if "isa" in row} == _AS_LINUX_SAYS.keys()
    assert _AS_LINUX_SAYS.keys() > _NOT_EMULATED
