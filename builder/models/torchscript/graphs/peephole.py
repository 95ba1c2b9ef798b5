"""The small simplifications that conversion makes in a function before it inlines it.

Rules: `peephole.cpp` and the files beside it in `torch/csrc/jit/passes`, without those that know
shapes. A rule that changes which tensor is meant is rare; where one could apply, torch is asked.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from builder.models.torchscript.graphs.aliases import Aliases
from builder.models.torchscript.graphs.cleaning import eliminate
from builder.models.torchscript.graphs.nodes import (
    DICT,
    IF,
    LIST,
    UNCHECKED_CAST,
    Block,
    Node,
    Value,
    all_nodes,
    constant,
)
from builder.models.torchscript.signatures.kinds import (
    BOOL,
    INT,
    NONE,
    TENSOR,
    Kind,
    UnsureError,
    is_subtype,
    unified,
)
from builder.models.torchscript.signatures.literals import Literal

_NUMBERS_OF: Final = frozenset({
    "aten::Float", "aten::Int", "aten::FloatImplicit", "aten::IntImplicit", "aten::ScalarImplicit",
})  # fmt: skip
_RANKS: Final = {"aten::conv1d": 3, "aten::conv2d": 4, "aten::conv3d": 5}
_COMPARED: Final = frozenset({Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.NONE})
_KEYS: Final = frozenset({Kind.INT, Kind.FLOAT, Kind.STR})


def simplify(graph: Block) -> None:
    """Simplify a function whose calls are inlined, then drop what nothing needs."""
    changed = [
        _tensors(graph),
        _lists(graph),
        _dictionaries(graph),
        _shapes(graph),
        _values(graph),
    ]
    _refuse_joined(graph)
    if any(changed):
        eliminate(graph, None)


def _inner_first(block: Block) -> list[Node]:
    """Return all nodes, those inside of a node before it."""
    found: list[Node] = []
    for node in block.nodes:
        for inner in node.blocks:
            found += _inner_first(inner)
        found.append(node)
    return found


def _whole(value: Value) -> int | None:
    """Return the int a constant is, if it is one."""
    literal = value.literal
    return literal if value.constant and value.type == INT and isinstance(literal, int) else None


def _tensors(graph: Block) -> bool:
    changed = False
    for node in _inner_first(graph):
        first = node.inputs[0].node if node.inputs else None
        if first is None:
            continue
        twice = node.kind == first.kind == "aten::t"
        if twice or (node.kind in _NUMBERS_OF and first.kind == "prim::NumToTensor"):
            node.output.replace(first.inputs[0])
            changed = True
        elif node.kind == "aten::_grad_sum_to_size":
            raise UnsureError("it calls aten::_grad_sum_to_size")
    return changed


def _lists(graph: Block) -> bool:
    mutated: set[Value] | None = None
    changed = False
    for node in _inner_first(graph):
        if not node.inputs or node.inputs[0].kind != LIST:
            continue
        mutated = _mutated(graph, Kind.LIST) if mutated is None else mutated
        made = _made(node.inputs[0], LIST, mutated)
        if made is not None:
            changed |= _list_use(node, made, mutated)
    return changed


def _mutated(graph: Block, kind: Kind) -> set[Value]:
    aliases = Aliases(graph)
    values = list(graph.parameter.outputs)
    for node in all_nodes(graph):
        values += node.outputs
        for block in node.blocks:
            values += block.parameter.outputs
    return {it for it in values if it.type.kind is kind and aliases.written(it)}


def _made(value: Value, kind: str, mutated: set[Value]) -> Node | None:
    """Return the node that makes a container which nothing changes."""
    return value.node if value.kind == kind and value not in mutated else None


def _list_use(node: Node, made: Node, mutated: set[Value]) -> bool:
    elements = list(made.inputs)
    match node.kind:
        case "aten::len":
            node.output.replace(constant(len(elements), INT))
            return True
        case "aten::__getitem__":
            return _element(node, elements)
        case "prim::ListUnpack":
            return _unpack(node, elements)
        case "aten::add":
            return _joined(node, elements, mutated)
        case _:
            return node.kind == "aten::slice" and _slice(node, elements)


def _unpack(node: Node, elements: list[Value]) -> bool:
    if len(elements) != len(node.outputs):
        return False
    for value, element in zip(node.outputs, elements, strict=True):
        value.replace(element)
    return bool(elements)


def _joined(node: Node, elements: list[Value], mutated: set[Value]) -> bool:
    other = _made(node.inputs[1], LIST, mutated) if len(node.inputs) == 2 else None  # noqa: PLR2004
    if other is None:
        return False
    _become_list(node, [*elements, *other.inputs])
    return True


def _element(node: Node, elements: list[Value]) -> bool:
    index = _whole(node.inputs[1])
    if index is None or not -len(elements) <= index < len(elements):
        return False
    node.output.replace(elements[index])
    return True


def _slice(node: Node, elements: list[Value]) -> bool:
    bounds = node.inputs[1:]
    if not all(it.constant for it in bounds):
        return False
    first, last, step = (it.literal for it in bounds)
    if not isinstance(step, int) or step <= 0:
        raise UnsureError("it takes a slice backwards")
    if not isinstance(first, int | None) or not isinstance(last, int | None):
        raise UnsureError("it takes a slice of another kind")
    _become_list(node, elements[first:last:step])
    return True


def _become_list(node: Node, elements: Iterable[Value]) -> None:
    while node.inputs:
        node.drop(0)
    node.kind, node.schema = LIST, None
    for element in elements:
        node.take(element)


def _dictionaries(graph: Block) -> bool:
    mutated: set[Value] | None = None
    changed = False
    for node in _inner_first(graph):
        if not node.inputs or node.inputs[0].kind != DICT:
            continue
        mutated = _mutated(graph, Kind.DICT) if mutated is None else mutated
        made = _made(node.inputs[0], DICT, mutated)
        entries = _entries(made) if made is not None else None
        if entries is None:
            continue
        if node.kind == "aten::len":
            node.output.replace(constant(len(entries), INT))
            changed = True
        elif node.kind == "aten::__getitem__" and node.inputs[1].constant:
            found = entries.get(node.inputs[1].literal)
            if found is not None:
                node.output.replace(found)
                changed = True
    return changed


def _entries(made: Node) -> dict[Literal, Value] | None:
    """Return what a dictionary maps its keys to; None where that is not certain."""
    keys, values = made.inputs[::2], made.inputs[1::2]
    if made.output.type.parts[0].kind not in _KEYS or not all(it.constant for it in keys):
        return None
    entries = {key.literal: value for key, value in zip(keys, values, strict=True)}
    return entries if len(entries) == len(keys) else None


def _shapes(graph: Block) -> bool:
    changed = False
    aliases: Aliases | None = None
    for node in _inner_first(graph):
        if node.kind in _RANKS:
            asking = [it for it in node.output.users if it.kind == "aten::dim"]
            if not asking:
                continue
            aliases = aliases or Aliases(graph)
            if aliases.written(node.output):
                raise UnsureError("it asks for the rank of what it changes in place")
            for user in asking:
                user.output.replace(constant(_RANKS[node.kind], INT))
            changed = True
        elif _keeps_its_input(node):
            raise UnsureError("it adds zero to a tensor, or multiplies it by one")
    return changed


def _keeps_its_input(node: Node) -> bool:
    """Whether an operation with constants changes nothing, so that it might be left out."""
    if not node.inputs or node.inputs[0].type != TENSOR:
        return False
    numbers = [_whole(it) for it in node.inputs[1:]]
    if node.kind in ("aten::add", "aten::sub"):
        return numbers == [0, 1]
    return node.kind == "aten::mul" and numbers == [1]


def _values(graph: Block) -> bool:
    changed = False
    for node in _inner_first(graph):
        for value in node.outputs:
            if value.type == NONE:
                value.replace(constant(None, NONE))
                changed = True
        rule = _RULES.get(node.kind)
        changed |= rule is not None and rule(node)
    return changed


def _passed(node: Node) -> bool:
    node.output.replace(node.inputs[0])
    return True


def _branches(node: Node) -> bool:
    changed = False
    first, second = (block.result.inputs for block in node.blocks)
    for value, one, other in zip(node.outputs, first, second, strict=True):
        if value.type != BOOL:
            continue
        if (one.constant and one.literal is True) and (other.constant and other.literal is False):
            value.replace(node.inputs[0])
            changed = True
    for value, one, other in zip(node.outputs, first, second, strict=True):
        optional = Kind.OPTIONAL in (one.type.kind, other.type.kind)
        if not optional and value.type.kind is Kind.OPTIONAL:
            found = unified(one.type, other.type)
            if found is not None:
                value.type = found
                changed = True
    return changed


def _none(value: Value) -> bool:
    return value.type == NONE or (value.constant and value.literal is None)


def _never_none(value: Value) -> bool:
    return value.type.kind not in (Kind.NONE, Kind.OPTIONAL)


def _is_none(node: Node) -> bool:
    changed = False
    for one, other in (node.inputs, node.inputs[::-1]):
        if _none(one) and _never_none(other):
            node.output.replace(constant(node.kind == "aten::__isnot__", BOOL))
            changed = True
    return changed


def _same(node: Node) -> bool:
    if len(node.inputs) != 2 or node.inputs[0] is not node.inputs[1]:  # noqa: PLR2004
        return False
    type_ = node.inputs[0].type
    compared = type_.parts if type_.kind in (Kind.LIST, Kind.DICT) else (type_,)
    if not all(it.kind in _COMPARED for it in compared):
        return False
    node.output.replace(constant(node.kind == "aten::eq", BOOL))
    return True


def _constant_operand(node: Node) -> int | None:
    """Return the constant of an operation on two ints, which stands second afterwards."""
    if [it.type for it in node.inputs] != [INT, INT]:
        return None
    first = _whole(node.inputs[0])
    if node.kind in ("aten::mul", "aten::add") and first is not None:
        node.inputs.reverse()
        return first
    return _whole(node.inputs[1])


def _sum(node: Node) -> bool:
    number = _constant_operand(node)
    if number is None:
        return False
    if number == 0:
        return _passed(node)
    before = node.inputs[0].node
    if before is None or before.kind not in ("aten::add", "aten::sub"):
        return False
    delta = _constant_operand(before)
    if delta is None:
        return False
    merged = number + delta if before.kind == node.kind else number - delta
    if merged == 0:
        node.output.replace(before.inputs[0])
    else:
        node.exchange(0, before.inputs[0])
        node.exchange(1, constant(merged, INT))
    return True


def _unwrapped(node: Node) -> bool:
    return _never_none(node.inputs[0]) and _passed(node)


def _cast(node: Node) -> bool:
    return is_subtype(node.inputs[0].type, node.output.type) and _passed(node)


def _whole_already(node: Node) -> bool:
    return [it.type for it in node.inputs] == [INT] and _passed(node)


def _times_one(node: Node) -> bool:
    return _constant_operand(node) == 1 and _passed(node)


_RULES: Final[Mapping[str, Callable[[Node], bool]]] = {
    IF: _branches,
    UNCHECKED_CAST: _cast,
    **dict.fromkeys(("aten::__is__", "aten::__isnot__"), _is_none),
    **dict.fromkeys(("prim::unchecked_unwrap_optional", "aten::_unwrap_optional"), _unwrapped),
    **dict.fromkeys(("aten::Int", "aten::ceil"), _whole_already),
    **dict.fromkeys(("aten::eq", "aten::ne"), _same),
    **dict.fromkeys(("aten::mul", "aten::floordiv", "aten::div"), _times_one),
    **dict.fromkeys(("aten::add", "aten::sub"), _sum),
}
"""What may simplify a node of numbers and conditions; each returns whether it did."""


def _refuse_joined(graph: Block) -> None:
    """Refuse a concatenation whose result is only concatenated again: torch makes one of both."""
    for node in all_nodes(graph):
        if node.kind != "aten::cat" or node.output.uses != 1:
            continue
        (listed,) = node.output.users
        if listed.kind != LIST or listed.output.uses != 1:
            continue
        (following,) = listed.output.users
        if following.kind == "aten::cat" and _whole(following.inputs[1]) == _whole(node.inputs[1]):
            raise UnsureError("it concatenates what it concatenated")
