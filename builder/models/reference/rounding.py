"""Let all models that desktop torch runs in this process round to 8 bits as the runtime does."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Final

import torch

from builder.models.reference.kernels import ON_8_BITS, ON_ANY, Call, Hook
from builder.models.reference.rounder import Rounder, is_8_bit

_KEY: Final = "BackendSelect"
"""A dispatch key that each call meets before its kernel, calls of kernels included."""


@contextlib.contextmanager
def rounding_as_runtimes_do() -> Iterator[Rounder]:
    """Answer the calls of all operators that have a hook, until the end of the block."""
    rounder = Rounder()
    with contextlib.ExitStack() as stack:
        libraries = {
            namespace: stack.enter_context(torch.library._scoped_library(namespace, "IMPL"))  # noqa: SLF001  no other one ends
            for namespace in ("aten", "quantized")
        }
        for name, hook in (ON_ANY | ON_8_BITS).items():
            namespace, _, operator = name.partition("::")
            called = functools.partial(_call, hook, rounder, _find(namespace, operator))
            libraries[namespace].impl(operator, called, _KEY, with_keyset=True)
        yield rounder


def _find(namespace: str, operator: str) -> Any:  # noqa: ANN401  an OpOverload
    name, _, overload = operator.partition(".")
    return getattr(getattr(getattr(torch.ops, namespace), name), overload or "default")


def _call(
    hook: Hook, rounder: Rounder, operator: Any, keys: Any, *given: Any, **named: Any  # noqa: ANN401  torch's
) -> object:  # fmt: skip
    below = keys.remove(getattr(torch._C.DispatchKey, _KEY))  # noqa: SLF001  keys have no other name
    kernel = functools.partial(operator.redispatch, below)
    if operator.name() in ON_8_BITS and not is_8_bit(given[0]):
        return kernel(*given, **named)
    return hook(Call(rounder, kernel), *given, **named)
