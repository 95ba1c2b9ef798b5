"""A whole exported program as one TorchScript module, and how it is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    CustomObjArgument,
    InputKind,
    OutputKind,
    TokenArgument,
)
from torch.fx import Node

from builder.models.exported.problems import Problem
from builder.models.exported.writing.branches import INNER
from builder.models.exported.writing.guards import Input, bounds, write_guards
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.statements import Body, Store, Text
from builder.models.exported.writing.structure import NONE, Nest, nest, packed, places, unpacked
from builder.vocabulary.models import Argument, Call, SizeRange, TensorArgument

_TORCH: Final[Any] = torch
_STORED: Final = frozenset({InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR})
_MUTATED: Final = frozenset({"BUFFER_MUTATION", "PARAMETER_MUTATION"})
"""By name: older releases of torch lack some kinds."""


@dataclass(frozen=True, slots=True)
class Written:
    """A program in TorchScript: the module, its source, and the call an app makes."""

    module: Any
    source: str
    call: Call


@dataclass(frozen=True, slots=True)
class _Argument:
    name: str
    nest: Nest
    keyword: bool


def write(program: ExportedProgram) -> Written:
    """Return the program as TorchScript; raise `Refused` for what cannot be said in it."""
    module = _empty_module()
    text = Text(Store(module), INNER)
    body = Body(text, program.graph_module)
    arguments = _arguments(program)
    text.taken.update(it.name for it in arguments)
    stored = _bind_stored(program, body)
    inputs = list(_bind_inputs(program, body, arguments))
    guards = getattr(program, "_guards_code", ())  # older releases have them in the graph
    write_guards(body, inputs, program.range_constraints, guards)
    outputs = body.run()
    result = _outputs(program, body, outputs, stored)
    returns = result.type
    head = ", ".join(["self", *(f"{it.name}: {it.nest.type}" for it in arguments)])
    source = "\n".join((f"def forward({head}) -> {returns}:", *text.lines, ""))
    scripted = _TORCH.jit.script(module)
    scripted.define(source)
    return Written(scripted, source, _call(program, arguments, inputs, returns))


def _empty_module() -> torch.nn.Module:
    """Return a module without code. Its class has no name of ours: it stands in the model."""
    made = type("Program", (torch.nn.Module,), {"__module__": "exported"})
    module: torch.nn.Module = made().eval()
    return module


def _placeholders(program: ExportedProgram) -> Iterator[tuple[Node, Any]]:
    nodes = (it for it in program.graph.nodes if it.op == "placeholder")
    return zip(nodes, program.graph_signature.input_specs, strict=True)


def _bind_stored(program: ExportedProgram, body: Body) -> dict[str, str]:
    """Store parameters, buffers and constants; return their expressions by name."""
    found: dict[str, str] = {}
    for node, spec in _placeholders(program):
        if spec.kind in _STORED:
            tensor = program.state_dict.get(spec.target, program.constants.get(spec.target))
            if not isinstance(tensor, torch.Tensor):
                raise Refused(Problem(f"{spec.target} has no value in the file", node.name))
            found[spec.target] = body.method.store.attribute(spec.target, tensor)
            body.bind(node, found[spec.target])
        elif spec.kind is not InputKind.USER_INPUT:
            what = getattr(spec.arg, "class_fqn", "") or spec.kind.name.lower()
            raise Refused(Problem(f"it holds an object: {what}", node.name))
    return found


def _arguments(program: ExportedProgram) -> list[_Argument]:
    """Return the arguments in the order an app gives them: positional, then those with names."""
    spec = program.call_spec.in_spec
    if spec is None:
        raise Refused(Problem("it does not say how its inputs nest"))
    positional, named = places(spec)
    signature = program.module_call_graph[0].signature
    names = list((signature and signature.forward_arg_names) or ())
    count = len(positional)
    names = names[:count] if len(names) >= count else [f"argument_{it}" for it in range(count)]
    types = [
        _input_type(node, spec)
        for node, spec in _placeholders(program)
        if spec.kind is InputKind.USER_INPUT
    ]
    found = [
        _Argument(name, nest(it, types), keyword=False)
        for name, it in zip(names, positional, strict=True)
    ]
    found += [_Argument(name, nest(it, types), keyword=True) for name, it in named.items()]
    return found


def _bind_inputs(
    program: ExportedProgram, body: Body, arguments: list[_Argument]
) -> Iterator[Input]:
    """Give each leaf of the inputs its expression."""
    leaves = (it for it in _placeholders(program) if it[1].kind is InputKind.USER_INPUT)
    for argument in arguments:
        for text, path in unpacked(argument.nest, argument.name, argument.name):
            node, spec = next(leaves)
            name = text
            if text != argument.name:
                name = body.name(node.name)
                body.line(f"{name} = {text}")
            body.bind(node, name)
            yield Input(name, path, _example(node, spec))


def _example(node: Node, spec: Any) -> Any:  # noqa: ANN401  what torch keeps of an input
    if isinstance(spec.arg, ConstantArgument):
        return spec.arg.value
    return node.meta.get("val")


def _input_type(node: Node, spec: Any) -> str:  # noqa: ANN401  of torch's signature
    example = _example(node, spec)
    return "Optional[Tensor]" if example is None else _type_of(example)


def _type_of(value: object) -> str:
    match value:
        case torch.Tensor():
            return "Tensor"
        case bool() | torch.SymBool():
            return "bool"
        case int() | torch.SymInt():
            return "int"
        case float() | torch.SymFloat():
            return "float"
        case str():
            return "str"
        case None:
            return NONE
        case _:
            raise Refused(Problem(f"an input or output is of type {type(value).__name__}"))


def _outputs(
    program: ExportedProgram, body: Body, outputs: list[str], stored: dict[str, str]
) -> Nest:
    """Write what the program changes and what it returns; return how that nests."""
    output = next(iter(reversed(program.graph.nodes)))
    returned: list[tuple[str, str]] = []
    given = {node.name: body.text(node) for node, _ in _placeholders(program)}
    specs = program.graph_signature.output_specs
    for text, value, spec in zip(outputs, output.args[0], specs, strict=True):
        if spec.kind.name in _MUTATED:
            body.line(f"{stored[str(spec.target)]}.copy_({text})")
        elif spec.kind is OutputKind.USER_INPUT_MUTATION:
            body.line(f"{given[str(spec.target)]}.copy_({text})")
        elif spec.kind is OutputKind.USER_OUTPUT and not isinstance(
            spec.arg, CustomObjArgument | TokenArgument
        ):
            example = value.meta.get("val") if isinstance(value, Node) else value
            returned.append((text, _type_of(example)))
        else:
            raise Refused(Problem(f"it returns a {spec.kind.name.lower()}", spec.arg.name))
    result = nest(places(program.call_spec.out_spec), [kind for _, kind in returned])
    body.line(f"return {packed(result, iter([text for text, _ in returned]))}")
    return result


def _call(
    program: ExportedProgram, arguments: list[_Argument], inputs: list[Input], returns: str
) -> Call:
    tensors = [(it.path, it.example) for it in inputs if isinstance(it.example, torch.Tensor)]
    return Call(
        arguments=tuple(
            Argument(
                name=it.name,
                type=it.nest.type,
                keyword=it.keyword,
                tensors=tuple(
                    _tensor(path, example)
                    for path, example in tensors
                    if path == it.name or path.startswith((f"{it.name}[", f"{it.name}."))
                ),
            )
            for it in arguments
        ),
        returns=returns,
        sizes=tuple(
            SizeRange(str(symbol), *bounds(found))
            for symbol, found in program.range_constraints.items()
            if any(symbol in _symbols(example) for _, example in tensors)
        ),
    )


def _tensor(path: str, example: torch.Tensor) -> TensorArgument:
    dtype = str(example.dtype).removeprefix("torch.")
    return TensorArgument(path, dtype, tuple(map(str, example.shape)))


def _symbols(example: torch.Tensor) -> frozenset[Any]:
    sizes: tuple[Any, ...] = tuple(example.shape)
    return frozenset(
        symbol for it in sizes if not isinstance(it, int) for symbol in it.node.expr.free_symbols
    )
