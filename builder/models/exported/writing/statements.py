"""The nodes of a graph as TorchScript statements, one a node."""

import builtins
import keyword
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch.fx import GraphModule, Node

from builder.models.exported.problems import Problem, source_line
from builder.models.exported.writing.literals import literal, number
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.symbolic import BITWISE, MEASURES, TEMPLATES, power

_TORCH: Final[Any] = torch
_RESERVED: Final = frozenset({
    "self", "torch", "Tensor", "List", "Dict", "Tuple", "Optional", "Any",
    "NoneType", *keyword.kwlist, *dir(builtins),
})  # fmt: skip
_CHECKS: Final = frozenset({
    "aten::_assert_tensor_metadata", "aten::sym_constrain_range",
    "aten::sym_constrain_range_for_size", "aten::_assert_async", "aten::_assert_async.msg",
})  # fmt: skip
"""Checks that only tell the compiler something: what they state holds, or an operator after them
fails."""
_ASSERT: Final = "aten::_assert_scalar"
_FRESH: Final = frozenset({"aten::lift_fresh_copy", "aten::lift_fresh"})
_ITEMS: Final = frozenset({"aten::item", "aten::_local_scalar_dense"})
WRITTEN_OTHERWISE: Final = frozenset({*MEASURES, *_ITEMS, *_FRESH, *_CHECKS, _ASSERT})
"""Operators that become something else than their call."""
_NUMBERS: Final = re.compile(r"(?:Optional\[)?(?:number|Scalar)\]?")

Inner = Callable[["Body", Node], None]
"""Writes the call of an operator that takes graphs."""


@dataclass
class Store:
    """The tensors of the program, as buffers of one module."""

    module: torch.nn.Module
    _places: dict[str, str] = field(default_factory=dict)

    def attribute(self, name: str, tensor: torch.Tensor) -> str:
        """Return the expression of a tensor that the program knows by `name`."""
        if name not in self._places:
            place = re.sub(r"\W", "_", name)
            while hasattr(self.module, place) or keyword.iskeyword(place):
                place += "_"
            self.module.register_buffer(place, tensor.detach())
            self._places[name] = f"self.{place}"
        return self._places[name]


@dataclass
class Text:
    """The text of one method, which all of its graphs write into."""

    store: Store
    inner: Mapping[str, Inner]
    lines: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=lambda: set(_RESERVED))


class Body:
    """The statements of one graph."""

    def __init__(self, text: Text, graph: GraphModule, prefix: str = "", indent: int = 1) -> None:
        """Begin at a level; names of variables begin with `prefix`."""
        self.method = text
        self.graph = graph
        self._prefix = prefix
        self._indent = indent
        self._names: dict[Node, str] = {}
        self._where = ""

    def within(self, graph: GraphModule, prefix: str) -> "Body":
        """Return the body of a graph that is written one level deeper."""
        return Body(self.method, graph, f"{prefix}_", self._indent + 1)

    def beside(self, graph: GraphModule, prefix: str) -> "Body":
        """Return the body of a graph that is written in place of a call, at the same level."""
        return Body(self.method, graph, f"{prefix}_", self._indent)

    def line(self, text: str) -> None:
        """Append a statement, and where the user wrote what it does."""
        where = f"  # {self._where}" if self._where else ""
        self.method.lines.append(f"{'    ' * self._indent}{text}{where}")

    def name(self, wanted: str) -> str:
        """Return a name that nothing has so far."""
        name = self._prefix + wanted
        while name in self.method.taken:
            name += "_"
        self.method.taken.add(name)
        return name

    def bind(self, node: Node, text: str) -> None:
        """Say what a node is called."""
        self._names[node] = text

    def assign(self, node: Node, text: str) -> None:
        """Write what a node is, and give it a name."""
        name = self.name(node.name)
        self.line(f"{name} = {text}")
        self.bind(node, name)

    def run(self, inputs: Sequence[str] = ()) -> list[str]:
        """Write all nodes of the graph; return the expressions of its outputs."""
        given = iter(inputs)
        outputs: list[str] = []
        for node in self.graph.graph.nodes:
            self._where = source_line(node.meta.get("stack_trace") or "")
            try:
                if node.op == "placeholder":
                    if node not in self._names:
                        self.bind(node, next(given))
                elif node.op == "output":
                    outputs = [self.text(it) for it in _flat(node.args[0])]
                else:
                    self._write(node)
            except Refused as refused:
                raise _at(node, refused) from refused
        return outputs

    def text(self, value: object) -> str:
        """Return the expression of an argument, whatever its type."""
        if isinstance(value, Node):
            return self._names[value]
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self.text, value))}]"
        return literal(value)

    def _write(self, node: Node) -> None:
        target = node.target
        if node.op == "get_attr":
            self._attribute(node)
        elif target is operator.getitem:
            self.assign(node, f"{self.text(node.args[0])}[{self.text(node.args[1])}]")
        elif isinstance(target, torch._ops.HigherOrderOperator):  # noqa: SLF001  no other name
            self._inner_call(node, target)
        elif isinstance(target, torch._ops.OpOverload):  # noqa: SLF001
            self._operator(node, target)
        else:
            self._arithmetic(node)

    def _attribute(self, node: Node) -> None:
        """Bind a constant that was left in the graph. Graphs inside are read where they run."""
        value: Any = self.graph
        for part in str(node.target).split("."):
            value = getattr(value, part)
        if isinstance(value, torch.Tensor):
            name = f"{self._prefix}{node.target}"
            self.bind(node, self.method.store.attribute(name, value))
        elif not isinstance(value, GraphModule):
            raise Refused(Problem(f"it has a constant of type {type(value).__name__}"))

    def _inner_call(self, node: Node, target: Any) -> None:  # noqa: ANN401
        write = self.method.inner.get(target.name())
        if write is None:
            raise Refused(
                Problem(
                    f"the higher-order operator {target.name()} has no counterpart in TorchScript"
                )
            )
        write(self, node)

    def _arithmetic(self, node: Node) -> None:
        target: Any = node.target
        texts = [self.text(it) for it in node.args]
        if target is operator.pow:
            whole = all(isinstance(_value(it), int | torch.SymInt) for it in node.args)
            self.assign(node, power(*texts, whole=whole))
        elif target is _TORCH.sym_sum:
            terms: Any = node.args[0]
            self.assign(node, " + ".join(map(self.text, terms)) or "0")
        elif target in BITWISE and not isinstance(_value(node), bool | torch.SymBool):
            self.assign(node, BITWISE[target].format(*texts))
        elif target in TEMPLATES:
            self.assign(node, TEMPLATES[target].format(*texts))
        else:
            raise Refused(Problem(f"the function {_name_of(target)} has no counterpart"))

    def _operator(self, node: Node, target: Any) -> None:  # noqa: ANN401  an OpOverload
        schema = target._schema  # noqa: SLF001  its only door
        name = target.name()
        if name in MEASURES:
            self.assign(node, MEASURES[name].format(*map(self.text, node.args)))
        elif name in _ITEMS:
            self.assign(node, f"{_item_type(node)}({self.text(node.args[0])})")
        elif name in _FRESH:
            self.assign(node, f"{self.text(node.args[0])}.clone()")
        elif name == _ASSERT:
            condition, message = node.args[:2]
            self.check(self.text(condition), str(message))
        elif name not in _CHECKS:
            call = f"torch.ops.{schema.name.replace('::', '.')}({self._arguments(node, target)})"
            if schema.returns:
                self.assign(node, call)
            else:
                self.line(call)

    def check(self, condition: str, message: str, *shown: str) -> None:
        """Write that a condition holds, or the model fails; `shown` fill the message."""
        text = literal(message) + (f".format({', '.join(shown)})" if shown else "")
        self.line(f"if not {condition}:")
        self.method.lines.append(f"{'    ' * (self._indent + 1)}raise RuntimeError({text})")

    def _arguments(self, node: Node, target: Any) -> str:  # noqa: ANN401  an OpOverload
        arguments = target._schema.arguments  # noqa: SLF001
        texts = [self._argument(target, place, value) for place, value in enumerate(node.args)]
        places = {it.name: place for place, it in enumerate(arguments)}
        for name, value in node.kwargs.items():
            texts.append(f"{name}={self._argument(target, places[name], value)}")
        return ", ".join(texts)

    def _argument(self, target: Any, place: int, value: Any) -> str:  # noqa: ANN401
        kind = str(target._schema.arguments[place].type)  # noqa: SLF001
        if isinstance(value, list | tuple):
            element = re.sub(r"^(?:Optional\[)?(.*?)\]?$", r"\1", kind)
            items = [number(self.text(it), _value(it), element) for it in value]
            return f"[{', '.join(items)}]"
        text = self.text(value)
        if kind in {"Tensor", "Optional[Tensor]"} and _is_number(_value(value)):
            return text if _takes_number(target, place) else f"torch.scalar_tensor({text})"
        return number(text, _value(value), kind)


def _at(node: Node, refused: Refused) -> Refused:
    """Return the refusal with its place: the innermost node, whose line is the nearest."""
    return Refused(
        *(
            it if it.node else Problem(it.what, node.name, node.meta.get("stack_trace") or "")
            for it in refused.problems
        ),
        hint=refused.hint,
    )


def _flat(value: Any) -> list[Any]:  # noqa: ANN401  what an output node returns
    return list(value) if isinstance(value, list | tuple) else [value]


def _value(value: object) -> object:
    """Return what an argument is: for a node, the example that torch keeps of it."""
    return value.meta.get("val") if isinstance(value, Node) else value


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float | complex | torch.SymInt | torch.SymFloat)


def _takes_number(target: Any, place: int) -> bool:  # noqa: ANN401  an OpOverload
    """Tell whether an overload of the operator takes a number there: TorchScript will find it."""
    packet = target.overloadpacket
    schemas = (getattr(packet, it)._schema for it in packet.overloads())  # noqa: SLF001
    return any(
        place < len(it.arguments) and _NUMBERS.fullmatch(str(it.arguments[place].type))
        for it in schemas
    )


def _item_type(node: Node) -> str:
    match _value(node):
        case bool() | torch.SymBool():
            return "bool"
        case float() | torch.SymFloat():
            return "float"
        case _:
            return "int"


def _name_of(target: object) -> str:
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', target)}"
