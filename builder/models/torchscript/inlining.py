"""The graphs of functions: as they are lowered, and with all calls inlined as conversion does.

A method that conversion keeps has its own graph as it was lowered. What it calls is inlined as it
was simplified: `preoptimizeGraph` in `torch/csrc/jit/api/function_impl.cpp`.
"""

from builder.models.torchscript.frontend.program import TORCHBIND, Definition, Program
from builder.models.torchscript.frontend.statements import lower, refuse_exits
from builder.models.torchscript.graphs.cleaning import (
    lower_tuples,
    order_results,
    pool_constants,
    propagate_constants,
)
from builder.models.torchscript.graphs.nodes import CALL_FUNCTION, CALL_METHOD, Block, Node
from builder.models.torchscript.graphs.peephole import simplify
from builder.models.torchscript.signatures.kinds import Kind, UnsureError


def converted(program: Program, definition: Definition) -> Block:
    """Return the graph that conversion makes bytecode of."""
    graph = _copied(program, _lowered(program, definition))
    _inline(program, graph)
    return graph


def _lowered(program: Program, definition: Definition) -> Block:
    found = program.lowered.get(definition)
    if found is None:
        found = lower(program, definition)
        lower_tuples(found)
        refuse_exits(found)
        propagate_constants(found)
        pool_constants(found)
        order_results(found)
        program.lowered[definition] = found
    return found


def _optimized(program: Program, definition: Definition) -> Block:
    found = program.optimized.get(definition)
    if found is None:
        if definition in program.optimizing:
            raise UnsureError("it calls a function inside of itself")
        program.optimizing.add(definition)
        found = _copied(program, _lowered(program, definition))
        _inline(program, found)
        simplify(found)
        propagate_constants(found)
        pool_constants(found)
        program.optimized[definition] = found
        program.optimizing.discard(definition)
    return found


def _copied(program: Program, graph: Block) -> Block:
    made = Block()
    given = [made.parameter.give(it.type) for it in graph.parameter.outputs]
    made.nodes, results = program.copier.copy(graph, made, given)
    for value in results:
        made.result.take(value)
    return made


def _inline(program: Program, block: Block) -> None:
    nodes: list[Node] = []
    for node in block.nodes:
        definition = _callee(program, node)
        if definition is None:
            for inner in node.blocks:
                _inline(program, inner)
            nodes.append(node)
            continue
        calls = () if node.place is None else (node.place,)
        graph = _optimized(program, definition)
        copies, results = program.copier.copy(graph, block, node.inputs, calls)
        nodes += copies
        node.output.replace(results[0])
        node.detach()
    block.nodes = nodes


def _callee(program: Program, node: Node) -> Definition | None:
    """Return what a call runs; None for what is no call, or is found when it runs."""
    if node.kind == CALL_FUNCTION:
        return program.find_function(node.name)
    if node.kind != CALL_METHOD:
        return None
    type_ = node.inputs[0].type
    if type_.kind is Kind.INTERFACE or type_.name.startswith(TORCHBIND):
        return None
    return program.class_of(type_).methods.get(node.name)
