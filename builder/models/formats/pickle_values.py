"""The inert values a pickle evaluates to, and the names a TorchScript pickle may refer to."""

from dataclasses import dataclass, field
from typing import Final

from builder.models.formats.faults import MalformedError, shown
from builder.vocabulary.dtypes import STORED

_QSCHEMES: Final = frozenset({
    "per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
    "per_channel_affine_float_qparams",
})  # fmt: skip
LISTS: Final = frozenset(
    {"build_intlist", "build_tensorlist", "build_doublelist", "build_boollist"}
)
SPARSE: Final = "_rebuild_sparse_tensor"
TENSORS: Final = frozenset({"_rebuild_tensor_v2", "_rebuild_qtensor"})


@dataclass(frozen=True, slots=True)
class Global:
    """A name the pickle refers to. It stays a name."""

    module: str
    name: str

    def __str__(self) -> str:
        """Return the dotted name, safe to print."""
        return shown(f"{self.module}.{self.name}")


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Bytes of tensors kept in a record of their own. `count` is in elements of `dtype`."""

    dtype: str
    key: str
    location: str
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A view of a storage, of these sizes."""

    storage: Storage
    sizes: tuple[int, ...] = ()

    @property
    def dimensions(self) -> int:
        """How many sizes it has."""
        return len(self.sizes)


@dataclass(slots=True, eq=False)
class Call:
    """Something the pickle would build: what it calls, with which arguments and state."""

    function: Global
    arguments: object
    state: object = None


@dataclass(slots=True)
class Pickle:
    """The value of a pickle and what was met on the way to it.

    `devices` are the texts of those it names, of storages and as values. `objects` are those of
    classes that were given a state.
    """

    value: object = None
    storages: list[Storage] = field(default_factory=list)
    globals: set[Global] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    objects: list[Call] = field(default_factory=list)


def torchscript_global(found: Global) -> bool:
    """Tell whether a TorchScript model may refer to this name: what torch's C++ reader resolves."""
    match found.module:
        case "torch._utils":
            return found.name in TENSORS or found.name == SPARSE
        case "torch.jit._pickle":
            return found.name in LISTS or found.name == "restore_type_tag"
        case "torch":
            storage = found.name.removesuffix("Storage")
            return (
                (storage != found.name and storage in STORED)
                or found.name in _QSCHEMES
                or found.name == "device"
            )
        case "collections":
            return found.name == "OrderedDict"
        case "builtins":
            return found.name == "complex"
        case module:
            return f"{module}.".startswith(("__torch__.", "torch.jit.LoweredModule."))


def any_global(_: Global) -> bool:
    """Accept every name: for saying what a foreign pickle holds, never for using it."""
    return True


def rebuilt_tensor(arguments: object) -> Tensor:
    """Check that the view stays inside its storage: torch itself does not, and reads beyond it."""
    match arguments:
        case (Storage() as storage, int(offset), tuple(sizes), tuple(strides), *_) if all(
            isinstance(number, int) and number >= 0 for number in (offset, *sizes, *strides)
        ):
            pass
        case _:
            raise MalformedError("the pickle has a tensor with impossible arguments")
    steps = [(size, step) for size, step in zip(sizes, strides, strict=False)]
    last = offset + sum((size - 1) * step for size, step in steps)
    packed = STORED[storage.dtype].packed if storage.dtype in STORED else 1
    if len(sizes) != len(strides) or (0 not in sizes and last >= storage.count * packed):
        raise MalformedError(f"a tensor reaches beyond its storage '{shown(storage.key)}'")
    return Tensor(storage, tuple(sizes))
