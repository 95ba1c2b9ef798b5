"""What a library has otherwise than those whose objects were measured, and how much that may be."""

from collections.abc import Iterator
from typing import Final

from builder.libtorch.closure.sizing.estimate import Unlike
from builder.vocabulary.dtypes import DEFAULT_DTYPES, QUANTIZED_DTYPES
from builder.vocabulary.plan import Messages, Profile

_BY_DTYPE: Final = 0.5
"""At most this part of a library is taken to be kernels that are compiled for each dtype."""

_FULL: Final = 0.25
"""At most this part of a library is taken to be what LibTorch itself says of errors."""


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
