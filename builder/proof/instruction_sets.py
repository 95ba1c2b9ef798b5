"""Which instruction sets kernels are inside for, and which of them a proof has run."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath
from typing import Final

from builder.libtorch.candidates import Group
from builder.proof.execution import NATIVELY, UNDER
from builder.vocabulary.checks import OUTPUTS, Check, InstructionSet, Outcome

_AS_LINUX_SAYS: Final[Mapping[str, frozenset[str]]] = {
    "ssse3": frozenset({"ssse3"}),
    "sse4.1": frozenset({"sse4_1"}),
    "avx": frozenset({"avx"}),
    "f16c": frozenset({"f16c"}),
    "fma3": frozenset({"fma"}),
    "avx2": frozenset({"avx2"}),
    "avx512f": frozenset({"avx512f"}),
    "avx512skx": frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
    "avxvnni": frozenset({"avx2", "avx_vnni"}),
    "avx512vnni": frozenset({"avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}),
    "fp16": frozenset({"asimdhp"}),
    "dotprod": frozenset({"asimddp"}),
    "dotprod+fp16": frozenset({"asimddp", "asimdhp"}),
    "i8mm": frozenset({"i8mm"}),
    "fp16 storage": frozenset({"half"}),
    "fma": frozenset({"vfpv4"}),
    "v8": frozenset({"aes"}),
}
"""The words of /proc/cpuinfo for the `isa` of groups in builder/data/candidates.toml."""

_NOT_EMULATED: Final = frozenset({"avx512f", "avx512skx", "avxvnni", "avx512vnni"})
"""What qemu does not run: it has neither AVX-512 nor AVX-VNNI."""


def instruction_sets(
    groups: Iterable[Group],
    linked: AbstractSet[str],
    checks: Iterable[Check],
    features: AbstractSet[str],
) -> tuple[InstructionSet, ...]:
    """Return the instruction sets that sources which are `linked` are for, beyond an ABI's own.

    Of the kernels for one purpose a processor takes the last it can run: groups are in that order,
    and a purpose is a folder. `features` are those of this machine; emulators have all that qemu
    runs. Of a runner of the user's own nothing is known, and a twin ran other kernels.
    """
    how = {it.runner for it in checks if it.name == OUTPUTS and it.outcome is Outcome.PASSED}
    inside: dict[str, None] = {}
    taken: dict[str, str] = {}
    for group in groups:
        for source in sorted(linked & group.ids.keys()):
            if group.isa:
                inside[group.isa] = None
            if any(_can(features)(group.isa, runner) for runner in how):
                taken[_purpose(source)] = group.isa
    return tuple(InstructionSet(isa, isa in taken.values()) for isa in inside)


def _can(features: AbstractSet[str]) -> Callable[[str, str], bool]:
    def can(isa: str, runner: str) -> bool:
        natively = runner == NATIVELY and bool(isa) and _AS_LINUX_SAYS[isa] <= features
        emulated = runner.startswith(UNDER) and isa not in _NOT_EMULATED
        return not isa or natively or emulated

    return can


def _purpose(source: str) -> str:
    path = PurePosixPath(source.partition(":")[2])
    return path.parts[1] if len(path.parts) > 1 else ""
