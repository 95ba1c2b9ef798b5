"""What the stored tensors weigh, and which of them are stored twice."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from builder.models.formats.faults import shown
from builder.models.formats.pickle_values import Call, Global, Storage, Tensor
from builder.vocabulary.models import DtypeSize, Duplicate

_CUSTOM: Final = "__torch__.torch.classes."


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes of a storage. `place` is where they are, `mark` equal for equal bytes."""

    name: str
    place: str
    dtype: str
    size: int
    mark: int = 0


def named_storages(value: object) -> Iterator[tuple[str, Storage]]:
    """Yield each storage below a value with the path of attributes that leads to it, once."""
    pending: list[tuple[str, object]] = [("", value)]
    seen: set[int] = set()
    while pending:
        path, item = pending.pop()
        if id(item) in seen:
            continue
        if isinstance(item, Tensor):
            if id(item.storage) not in seen:
                seen.add(id(item.storage))
                yield path, item.storage
            continue
        seen.add(id(item))
        below = [(".".join(filter(None, (path, key))), it) for key, it in _below(item)]
        pending.extend(reversed(below))


def packed_weights(value: object) -> frozenset[tuple[str, str]]:
    """Return the custom classes whose objects hold tensors, each with the dtype of a first one.

    Classes that pack weights keep them as `(weight, bias)`, and pack them when they are loaded.
    """
    found: set[tuple[str, str]] = set()
    pending = [value]
    seen: set[int] = set()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        match item:
            case Call(
                function=Global(module=module, name=name),
                state=(Tensor(storage=storage), *_),
            ) if module.startswith(_CUSTOM):
                found.add((f"{module.removeprefix(_CUSTOM)}.{name}", storage.dtype))
        pending.extend(it for _, it in _below(item))
    return frozenset(found)


def _below(item: object) -> Iterator[tuple[str, object]]:
    """Yield what a value holds that can hold tensors itself, by the names of its attributes."""
    match item:
        case Call(arguments=arguments, state=state):
            below: Iterable[tuple[str, object]] = (("", arguments), ("", state))
        case dict():
            below = ((shown(str(key)), it) for key, it in item.items())
        case tuple() | list():
            below = ((str(index), it) for index, it in enumerate(item))
        case _:
            below = ()
    yield from ((key, it) for key, it in below if _holds(it))


def _holds(value: object) -> bool:
    return isinstance(value, Tensor | Call | dict | tuple | list)


def sizes(stored: Iterable[Stored]) -> tuple[DtypeSize, ...]:
    """Sum the storages of each dtype."""
    by_dtype: defaultdict[str, list[int]] = defaultdict(list)
    for it in stored:
        by_dtype[it.dtype].append(it.size)
    return tuple(DtypeSize(it, len(by_dtype[it]), sum(by_dtype[it])) for it in sorted(by_dtype))


def duplicates(stored: Iterable[Stored], digest: Callable[[str], bytes]) -> tuple[Duplicate, ...]:
    """Return the storages with equal bytes, most wasteful first; `digest` is asked for few."""
    alike: defaultdict[tuple[str, int, int], list[Stored]] = defaultdict(list)
    for it in stored:
        if it.size:
            alike[it.dtype, it.size, it.mark].append(it)
    equal: defaultdict[tuple[str, int, bytes], list[str]] = defaultdict(list)
    for (dtype, size, _), group in alike.items():
        for it in group if len(group) > 1 else ():
            equal[dtype, size, digest(it.place)].append(it.name)
    found = [
        Duplicate(tuple(sorted(names)), dtype, size)
        for (dtype, size, _), names in equal.items()
        if len(names) > 1
    ]
    return tuple(sorted(found, key=lambda it: (-it.wasted, it)))
