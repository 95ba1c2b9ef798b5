"""From a function of the source to its graph, as conversion has it before it inlines calls.

Rules: `emitStatements` in `torch/csrc/jit/frontend/ir_emitter.cpp`, and `convert_to_ssa.cpp` beside
it. Printed source leaves functions and loops in one place only, so no other exits are known here.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from builder.models.torchscript.frontend.expressions import LOAD, Expressions
from builder.models.torchscript.frontend.program import Definition, Program
from builder.models.torchscript.frontend.scopes import Scope, Variable
from builder.models.torchscript.graphs.nodes import (
    IF,
    LOOP,
    RAISE,
    SET_ATTRIBUTE,
    UNCHECKED_CAST,
    Block,
    Node,
    Value,
    all_nodes,
    constant,
)
from builder.models.torchscript.signatures.kinds import (
    ANY,
    BOOL,
    INT,
    Kind,
    Type,
    UnsureError,
    is_subtype,
    unified,
)

_MAX_DEPTH: Final = 60  # blocks in blocks
_ENDLESS: Final = 2**63 - 1


def lower(program: Program, definition: Definition) -> Block:
    """Return the graph of a function; raise `UnsureError` where that is not certain."""
    return _Lowering(program, definition).run()


class _Lowering(Expressions):
    """Lowers one function."""

    def __init__(self, program: Program, definition: Definition) -> None:
        super().__init__(program, definition.file, Block())
        self._definition = definition
        self._nesting = 0

    def run(self) -> Block:
        for argument in self._definition.schema.arguments:
            self._set_value(argument.name, self.block.parameter.give(argument.type))
        match self._definition.tree.body:
            case [*before, ast.Return(value=ast.expr() as result)]:
                self._statements(before)
                self.block.result.take(self._returned(result))
            case body:
                self._statements(body)
                self.block.result.take(constant(None, self._definition.result))
        for node in list(all_nodes(self.block)):
            if node.kind == LOAD:
                node.output.replace(node.inputs[0])
        _without_loads(self.block)
        return self.block

    def _returned(self, result: ast.expr) -> Value:
        wanted = self._definition.result
        value = self.program.caller.converted(self.block, wanted, self.value(result, wanted))
        if not is_subtype(value.type, wanted):
            raise UnsureError("it returns a value of another type")
        if wanted == ANY and value.type != ANY:
            return self.block.make(UNCHECKED_CAST, [value], wanted)
        return value

    def _statements(self, statements: Iterable[ast.stmt]) -> None:
        self._nesting += 1
        if self._nesting > _MAX_DEPTH:
            raise UnsureError("its blocks nest too deeply")
        for statement in statements:
            self._statement(statement)
        self._nesting -= 1

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[target], value=value):
                self._assign(target, value)
            case ast.AnnAssign(target=ast.Name(name), annotation=kind, value=ast.expr() as value):
                self._set_annotated(name, self.program.type_of(kind), value)
            case ast.Expr(value):
                self.meaning(value)
            case ast.If():
                self._if(statement)
            case ast.For(
                target=ast.Name(name), iter=ast.Call(ast.Name("range"), [count]), orelse=[]
            ):
                trips = self.value(count)
                if trips.type != INT:
                    raise UnsureError("it counts with something else than an int")
                self._loop(statement, trips, None, name)
            case ast.While(test=test, orelse=[]):
                self._loop(statement, constant(_ENDLESS, INT), test, "")
            case ast.Pass():
                pass
            case _:
                raise UnsureError(f"it has another statement ({type(statement).__name__})")

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(name):
                found = self.meaning(value)
                if isinstance(found, Value):
                    self._set_value(name, found)
                elif found is not None and self.scope.variable(name) is None:
                    self.scope.others[name] = found
                else:
                    raise UnsureError("it assigns what is no value")
            case ast.Tuple(targets):
                values = self.elements(self.value(value), len(targets))
                for inner, found in zip(targets, values, strict=True):
                    if not isinstance(inner, ast.Name):
                        raise UnsureError("it assigns to something else")
                    self._set_value(inner.id, found)
            case ast.Attribute(value=inner, attr=name):
                self._set_attribute(self.value(inner), name, self.value(value))
            case _:
                raise UnsureError("it assigns to something else")

    def _set_value(self, name: str, value: Value) -> None:
        outer = self.scope.outer(name)
        if outer is not None:
            value = self.program.caller.converted(self.block, outer.type, value)
            if not is_subtype(value.type, outer.type):
                raise UnsureError("it changes the type of a variable")
        elif self.scope.other(name) is not None:
            raise UnsureError("it assigns a value to the name of a function")
        self.scope.variables[name] = Variable(value, value.type)

    def _set_annotated(self, name: str, type_: Type, expression: ast.expr) -> None:
        value = self.value(expression, type_)
        if self.scope.outer(name) is not None or not is_subtype(value.type, type_):
            raise UnsureError("it annotates a variable otherwise")
        self.scope.variables[name] = Variable(value, type_)

    def _set_attribute(self, target: Value, name: str, value: Value) -> None:
        if target.type.kind is not Kind.CLASS:
            raise UnsureError("it sets an attribute of something else")
        attributes = self.program.class_of(target.type).attributes
        if name not in attributes or not is_subtype(value.type, attributes[name]):
            raise UnsureError("it sets an attribute to a value of another type")
        node = self.block.add(SET_ATTRIBUTE, [target, value])
        node.name, node.slot = name, list(attributes).index(name)

    @contextmanager
    def _inside(self, block: Block) -> Iterator[Scope]:
        """Lower into a block of a node, with a scope of its own."""
        outer_block, outer_scope = self.block, self.scope
        self.block, self.scope = block, Scope(outer_scope)
        yield self.scope
        self.block, self.scope = outer_block, outer_scope

    def _if(self, statement: ast.If) -> None:
        condition = self.truth(statement.test)
        if condition.constant:
            self._statements(statement.body if condition.literal else statement.orelse)
            return
        node = self.block.add(IF, [condition], self.place(statement))
        scopes: list[Scope] = []
        for body in (statement.body, statement.orelse):
            node.blocks.append(Block(node))
            with self._inside(node.blocks[-1]) as scope:
                self._statements(body)
                scopes.append(scope)
        self._join(node, scopes)

    def _join(self, node: Node, scopes: Sequence[Scope]) -> None:
        """Bring out the variables that are set in both branches, or in one and before."""
        for name in sorted({name for scope in scopes for name in scope.variables}):
            variables = [scope.variable(name) for scope in scopes]
            ends = [it for it in variables if it is not None]
            if len(ends) < len(scopes):
                continue
            types = [it.type for it in ends]
            kind = unified(types[0], types[1])
            if kind is None:
                raise UnsureError("it sets a variable to different types")
            for block, variable in zip(node.blocks, ends, strict=True):
                block.result.take(variable.value)
            self.scope.variables[name] = Variable(node.give(kind), kind)

    def _goes_on(self, test: ast.expr | None) -> Value:
        """Return whether a loop makes another trip; one that counts does, as far as it counts."""
        return constant(literal=True, type_=BOOL) if test is None else self.truth(test)

    def _loop(
        self, statement: ast.For | ast.While, trips: Value, test: ast.expr | None, counter: str
    ) -> None:
        start = self._goes_on(test)
        node = self.block.add(LOOP, [trips, start], self.place(statement))
        body = Block(node)
        node.blocks.append(body)
        count = body.parameter.give(INT)
        carried = [it for it in _assigned(statement) if self.scope.variable(it) is not None]
        before = [variable for name in carried if (variable := self.scope.variable(name))]
        with self._inside(body) as scope:
            if counter:
                self._set_value(counter, count)
            for name, variable in zip(carried, before, strict=True):
                node.take(variable.value)
                value = body.parameter.give(variable.type)
                scope.variables[name] = Variable(value, value.type)
            self._statements(statement.body)
            body.result.take(self._goes_on(test))
            for name in carried:
                body.result.take(scope.variables[name].value)
        for name, variable in zip(carried, before, strict=True):
            self.scope.variables[name] = Variable(node.give(variable.type), variable.type)


def _assigned(statement: ast.For | ast.While) -> list[str]:
    """Return the names that a loop sets, in order."""
    found: set[str] = set()
    for inner in statement.body:
        for node in ast.walk(inner):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return sorted(found)


def refuse_exits(block: Block) -> None:
    """Raise `UnsureError` where an exception surely ends more than one branch.

    Torch forgets what comes after it (`torch/csrc/jit/frontend/exit_transforms.cpp`). Printed
    source has nothing there unless a condition was computed when it was printed.
    """
    in_branch = block.owner is not None and block.owner.kind == IF
    for place, node in enumerate(block.nodes):
        if node.kind == RAISE and not (in_branch and place == len(block.nodes) - 1):
            raise UnsureError("it raises an exception in any case")
        for inner in node.blocks:
            refuse_exits(inner)
        if node.kind == IF and all(_raises(inner) for inner in node.blocks):
            raise UnsureError("it raises an exception in both branches")


def _raises(block: Block) -> bool:
    return bool(block.nodes) and block.nodes[-1].kind == RAISE


def _without_loads(block: Block) -> None:
    for node in block.nodes:
        if node.kind == LOAD:
            node.detach()
        for inner in node.blocks:
            _without_loads(inner)
    block.nodes[:] = [node for node in block.nodes if node.kind != LOAD]
