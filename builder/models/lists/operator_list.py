"""What a selection file says: values with a union that loses nothing.

The format is upstream's (`torchgen/selective_build/selector.py`, `operator.py`). Upstream has no
place for what a model needs besides operators, classes and dtypes of kernels, so we keep that among
its `build_features`, as Note [Features of ours] tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from builder.vocabulary.operators import OperatorName


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOperator:
    """One entry of `operators`.

    `root`: bytecode or the app calls it, so it must be registered; others are reached from kernels.
    `all_overloads` makes a name without overload mean every overload. `debug_info` says who asks
    for it.
    """

    name: OperatorName
    root: bool = True
    training: bool = False
    all_overloads: bool = False
    debug_info: frozenset[str] = frozenset()

    def __or__(self, other: ListedOperator) -> ListedOperator:
        """Return the entry that does what either does; both are of one operator."""
        assert self.name == other.name
        return ListedOperator(
            name=self.name,
            root=self.root or other.root,
            training=self.training or other.training,
            all_overloads=self.all_overloads or other.all_overloads,
            debug_info=self.debug_info | other.debug_info,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorList:
    """A whole file. A union: associative, commutative, idempotent, with `EMPTY` as its zero.

    `all_others` is `include_all_non_op_selectives`: every dtype, class and feature. `kernels` and
    `et_kernels` are pairs of a tag and a dtype (or a key of ExecuTorch's). `classes` are the custom
    classes, qualified (`quantized.Conv2dPackedParams`) where that is known. `features` are
    upstream's alone; `dtypes` are those of stored tensors, `upgraders` whether some model is so old
    that its operators need functions with their former meaning, and `instructions` what the
    bytecode uses: None where nobody knows, which a union keeps. `layers` are the kinds of stored
    layers with kernels of their own.
    """

    operators: tuple[ListedOperator, ...] = ()
    all_operators: bool = False
    all_others: bool = False
    debug_info: frozenset[str] = frozenset()
    kernels: frozenset[tuple[str, str]] = frozenset()
    et_kernels: frozenset[tuple[str, str]] = frozenset()
    classes: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    dtypes: frozenset[str] = frozenset()
    upgraders: bool = False
    instructions: frozenset[str] | None = frozenset()
    layers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Bring operators into their one order, and drop what a qualified class name says too."""
        merged: dict[OperatorName, ListedOperator] = {}
        for entry in self.operators:
            known = merged.get(entry.name)
            merged[entry.name] = entry if known is None else known | entry
        object.__setattr__(self, "operators", tuple(merged[name] for name in sorted(merged)))
        qualified = {name.rpartition(".")[2] for name in self.classes if "." in name}
        object.__setattr__(self, "classes", self.classes - qualified)

    def __or__(self, other: OperatorList) -> OperatorList:
        """Return the list that asks for all that either asks for."""
        known = self.instructions is not None and other.instructions is not None
        return OperatorList(
            operators=self.operators + other.operators,
            all_operators=self.all_operators or other.all_operators,
            all_others=self.all_others or other.all_others,
            debug_info=self.debug_info | other.debug_info,
            kernels=self.kernels | other.kernels,
            et_kernels=self.et_kernels | other.et_kernels,
            classes=self.classes | other.classes,
            features=self.features | other.features,
            dtypes=self.dtypes | other.dtypes,
            upgraders=self.upgraders or other.upgraders,
            instructions=(self.instructions or frozenset()) | (other.instructions or frozenset())
            if known
            else None,
            layers=self.layers | other.layers,
        )

    def called_from_code(self) -> OperatorList:
        """Return it as the operators an app calls from C++: they bring no bytecode with them."""
        return replace(self, instructions=self.instructions or frozenset())


EMPTY: Final = OperatorList()
