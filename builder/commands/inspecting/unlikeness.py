"""What a library has otherwise than those whose objects were measured, and how much that may be."""

from collections.abc import Iterator, Mapping
from typing import Final

from builder.libtorch.closure.sizing.estimate import Unlike
from builder.vocabulary.dtypes import DEFAULT_DTYPES, QUANTIZED_DTYPES
from builder.vocabulary.plan import Messages, Profile
from builder.vocabulary.targets import Abi, Target

_BY_DTYPE: Final = 0.5
"""At most this part of a library is taken to be kernels that are compiled for each dtype."""

_FULL: Final = 0.25
"""At most this part of a library is taken to be what LibTorch itself says of errors."""

_OTHER_ABI: Final[Mapping[Abi, tuple[float, float]]] = {
    Abi.ARM64_V8A: (0.2, 0.2),
    Abi.ARMEABI_V7A: (0.4, 0.1),
    Abi.X86: (0.1, 0.25),
    Abi.X86_64: (0.2, 0.2),
}
"""How far the library of an ABI may be below or above what objects of another one say, as parts.

Thumb is denser than any other code, and that of x86 larger than that of x86_64: by 10 % was seen.
"""


def measured_as(target: Target) -> str:
    """Return under which name a runtime of a target was measured."""
    return f"{target.platform}-{target.abi}"


def unlike_target(target: Target, measured: str) -> Iterator[Unlike]:
    """Yield what a target has otherwise than the one that was measured, by its name."""
    if measured.partition("-")[2] != target.abi:
        yield Unlike(f"objects of {target.abi}", *_OTHER_ABI[target.abi])
    elif measured != measured_as(target):
        yield Unlike(f"libraries of {target.platform}", 0, 0)  # as a core that was not measured


def learned_dtypes(profile: Profile) -> frozenset[str]:
    """Return the dtypes of the objects that size graphs are made of, for profiles like one."""
    quantized = "QuantizedCPU" in profile.backends
    return DEFAULT_DTYPES | (QUANTIZED_DTYPES if quantized else frozenset())


def find_unlike(profile: Profile) -> Iterator[Unlike]:
    """Yield what a profile has otherwise than the one whose objects were measured."""
    learned = learned_dtypes(profile)
    part = _BY_DTYPE / len(learned)
    if more := profile.dtypes - learned:
        yield Unlike(f"kernels for {_listed(more)}", 0, part * len(more))
    if fewer := learned - profile.dtypes:
        yield Unlike(f"no kernels for {_listed(fewer)}", part * len(fewer), 0)
    if profile.messages is not Messages.SHORT:
        yield Unlike(f"messages {profile.messages}", 0, _FULL)


def _listed(dtypes: frozenset[str]) -> str:
    return ", ".join(sorted(dtypes))
