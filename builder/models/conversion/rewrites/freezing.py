"""A module whose weights are constants of its code: what every rewrite for speed begins with.

Torch drops what the code of the frozen module does not reach. All that is seen from outside stays:
methods, and attributes of the module itself but for its parameters, which are weights.
"""

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch.jit._recursive import wrap_cpp_module

from builder.models.prepacked.archives import PACKED

_OF_HOOKS: Final = "_is_full_backward_hook"
_TYPES: Final = {
    bool: torch.BoolType.get(),
    int: torch.IntType.get(),
    float: torch.FloatType.get(),
    str: torch.StringType.get(),
}
"""Of attributes that code may have as constants, and that nothing is lost by giving back."""


class RefusedError(Exception):
    """Why a module has to stay as it is, in words for people."""


def refuse_training(script: Any) -> None:  # noqa: ANN401  a torch.jit.ScriptModule
    """Raise `RefusedError` for a module that trains: no batch norm of it is a constant factor."""
    own = script._c  # noqa: SLF001
    if own.hasattr("training") and own.getattr("training"):
        message = "it is in training mode: call eval() on it before it is exported"
        raise RefusedError(message)


def freeze(script: Any, names: Iterable[str]) -> Any:  # noqa: ANN401  torch.jit.ScriptModules
    """Return a frozen copy of a module whose attributes have these names.

    What the code writes to stays an attribute. Raise `RefusedError` for one that torch cannot
    freeze.
    """
    own = script._c  # noqa: SLF001
    kept = _attributes(script, names)
    preserved = {name for name, value in kept.items() if type(value) not in _TYPES}
    preserved |= set(own._method_names())  # noqa: SLF001
    try:
        owner: Any = torch._C._freeze_module(own, sorted(preserved))  # noqa: SLF001
    except RuntimeError as error:
        message = f"torch cannot freeze it: {str(error).strip().splitlines()[0]}"
        raise RefusedError(message) from error
    for name, value in kept.items():
        if not owner.hasattr(name):
            owner._register_attribute(name, _TYPES[type(value)], value)  # noqa: SLF001
    return wrap_cpp_module(owner)  # type: ignore[no-untyped-call]


def _attributes(script: Any, names: Iterable[str]) -> dict[str, Any]:  # noqa: ANN401
    """Return the attributes of a module itself that are neither modules nor weights."""
    inside = {name for name, _ in script.named_children()}
    weights = {name for name, _ in script.named_parameters(recurse=False)}
    left = {_OF_HOOKS, *inside, *weights}
    return {
        name: script._c.getattr(name)  # noqa: SLF001
        for name in names
        if name not in left and not name.startswith(PACKED)
    }
