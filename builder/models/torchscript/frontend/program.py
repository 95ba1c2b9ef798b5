"""The classes and functions of an archive's source, found by their names.

What a name means: `torch/csrc/jit/serialization/import_source.cpp`.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from builder.models.formats.pickle_values import Call, Tensor
from builder.models.torchscript.frontend.calls import Caller
from builder.models.torchscript.frontend.sources import SourceFile, Sources
from builder.models.torchscript.graphs.nodes import Block, Copier, Value, constant
from builder.models.torchscript.signatures.kinds import (
    NONE,
    STR,
    TENSOR,
    Kind,
    Type,
    UnsureError,
    container,
    dotted,
    plain,
)
from builder.models.torchscript.signatures.literals import Literal, Opaque
from builder.models.torchscript.signatures.schemas import (
    MISSING,
    Argument,
    Missing,
    Result,
    Schema,
    Schemas,
)
from builder.vocabulary.operators import OperatorName

TORCHBIND: Final = "__torch__.torch.classes."
_BASES: Final = {
    "Module": Kind.CLASS, "NamedTuple": Kind.TUPLE, "Interface": Kind.INTERFACE,
    "ModuleInterface": Kind.INTERFACE, "Enum": Kind.ENUM,
}  # fmt: skip
_HOOKS: Final = ("__forward_pre_hooks__", "__forward_hooks__")
_MAX_PARTS: Final = 40  # nesting of types


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A function of the source, or a method: `schema` has `self` then."""

    name: str
    tree: ast.FunctionDef
    file: SourceFile
    schema: Schema

    @property
    def result(self) -> Type:
        """What it says it returns."""
        return self.schema.results[0].type


@dataclass(slots=True, eq=False)
class Class:
    """A class of the source. Attributes are in the order of their slots."""

    type: Type
    attributes: dict[str, Type] = field(default_factory=dict)
    methods: dict[str, Definition] = field(default_factory=dict)


class Program:
    """All that names can mean."""

    def __init__(self, sources: Sources, constants: Sequence[object], schemas: Schemas) -> None:
        """Take the files, the values of `constants.pkl`, and the operators there are."""
        self._sources = sources
        self._constants = constants
        self._classes: dict[str, Class] = {}
        self._functions: dict[str, Definition] = {}
        self.caller = Caller(schemas)
        self.copier = Copier()
        self.lowered: dict[Definition, Block] = {}
        self.optimized: dict[Definition, Block] = {}
        self.optimizing: set[Definition] = set()

    def constant(self, name: str) -> Value:
        """Return the constant that source calls `CONSTANTS.c0`."""
        number = int(name[1:]) if name[:1] == "c" and name[1:].isdecimal() else -1
        if not 0 <= number < len(self._constants):
            raise UnsureError(f"it has no constant {name}")
        match self._constants[number]:
            case Tensor() as found:
                return constant(Opaque(name, found), TENSOR)
            case str(text):
                return constant(text, STR)
            case Call(function=function) as made if f"{function.module}.".startswith(TORCHBIND):
                kind = Type(Kind.CLASS, name=f"{function.module}.{function.name}")
                return constant(Opaque(name, made), kind)
            case _:
                raise UnsureError("it has a constant of another kind")

    def class_of(self, type_: Type) -> Class:
        """Return the class of a value; raise `UnsureError` if the source does not define it."""
        if type_.name not in self._classes:
            self.named_type(type_.name)
        found = self._classes.get(type_.name)
        if found is None:
            raise UnsureError(f"it uses the class {type_.name}")
        return found

    def named_type(self, name: str) -> Type:
        """Return the type with a qualified name; raise `UnsureError` if there is none."""
        found = self.find_type(name)
        if found is None:
            raise UnsureError(f"it has the type {name}")
        return found

    def find_type(self, name: str) -> Type | None:
        """Return the type with a qualified name, if the name is of a type."""
        if name.startswith(TORCHBIND):
            return Type(Kind.CLASS, name=name) if name.count(".") == 4 else None  # noqa: PLR2004
        if name in self._classes:
            return self._classes[name].type
        qualifier, _, own = name.rpartition(".")
        file = self._sources.file_of(qualifier)
        tree = file.definitions.get(own) if file is not None else None
        if file is None or not isinstance(tree, ast.ClassDef):
            return None
        return self._define(name, tree, file).type

    def find_function(self, name: str) -> Definition | None:
        """Return the function with a qualified name, if the name is of one."""
        if name in self._functions:
            return self._functions[name]
        qualifier, _, own = name.rpartition(".")
        file = self._sources.file_of(qualifier)
        tree = file.definitions.get(own) if file is not None else None
        if file is None or not isinstance(tree, ast.FunctionDef):
            return None
        found = self._definition(name, tree, file, None)
        self._functions[name] = found
        return found

    def _define(self, name: str, tree: ast.ClassDef, file: SourceFile) -> Class:
        kind = _kind_of(tree)
        if kind is Kind.TUPLE:
            return self._define_named_tuple(name, tree)
        found = Class(Type(kind, name=name))
        self._classes[name] = found  # before what is inside, which may name it
        for statement in tree.body:
            match statement:
                case ast.FunctionDef():
                    found.methods[statement.name] = self._definition(
                        f"{name}.{statement.name}", statement, file, found.type
                    )
                case ast.AnnAssign(target=ast.Name(own), annotation=annotation, value=None):
                    found.attributes[own] = self.type_of(annotation)
                case ast.Assign(
                    targets=[ast.Subscript(ast.Name("__annotations__"), ast.Constant(str(own)))],
                    value=annotation,
                ):
                    found.attributes[own] = self.type_of(annotation)
                case ast.Assign(targets=[ast.Name(own)], value=value) if own in _HOOKS:
                    if not isinstance(value, ast.List) or value.elts:
                        raise UnsureError("it has hooks")
                case ast.Assign() | ast.AnnAssign() | ast.Pass():
                    pass
                case _:
                    raise UnsureError("it has a statement in a class where none can be")
        return found

    def _define_named_tuple(self, name: str, tree: ast.ClassDef) -> Class:
        fields: dict[str, Type] = {}
        for statement in tree.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(own), annotation=annotation, value=None):
                    fields[own] = self.type_of(annotation)
                case _:
                    raise UnsureError("it has a named tuple with defaults")
        type_ = Type(Kind.TUPLE, tuple(fields.values()), name, tuple(fields))
        found = Class(type_, fields)
        self._classes[name] = found
        return found

    def _definition(
        self, name: str, tree: ast.FunctionDef, file: SourceFile, owner: Type | None
    ) -> Definition:
        given = tree.args
        if given.vararg or given.kwarg or given.posonlyargs or given.kwonlyargs:
            raise UnsureError("it has a function with arguments that are not plain")
        arguments = [
            Argument(it.arg, owner)
            if owner is not None and place == 0
            else Argument(it.arg, self._annotated(it.annotation))
            for place, it in enumerate(given.args)
        ]
        schema = Schema(
            OperatorName("source", tree.name), tuple(_with_defaults(arguments, given.defaults)),
            (Result(self._annotated(tree.returns)),),
        )  # fmt: skip
        return Definition(name, tree, file, schema)

    def _annotated(self, annotation: ast.expr | None) -> Type:
        if annotation is None:
            raise UnsureError("it has a function without types")
        return self.type_of(annotation)

    def type_of(self, node: ast.expr, depth: int = 0) -> Type:
        """Return the type that an annotation means."""
        if depth > _MAX_PARTS:
            raise UnsureError("its types nest too deeply")
        match node:
            case ast.Constant(None):
                return NONE
            case ast.Name(name) if (found := plain(name)) is not None:
                return found
            case ast.Subscript(value=ast.Name("Tuple"), slice=ast.Tuple(elts=[])):
                return container("Tuple", ())
            case ast.Subscript(value=ast.Name(name), slice=inner):
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return container(name, tuple(self.type_of(part, depth + 1) for part in parts))
            case ast.Attribute():
                return self.named_type(dotted(node))
            case _:
                raise UnsureError("it has a type of another kind")


def _kind_of(tree: ast.ClassDef) -> Kind:
    match tree.bases:
        case []:
            return Kind.CLASS
        case [ast.Name(name)] if name in _BASES:
            return _BASES[name]
        case _:
            raise UnsureError("it has a class of another kind")


def _with_defaults(arguments: Sequence[Argument], defaults: Sequence[ast.expr]) -> list[Argument]:
    """Mark the arguments that have defaults; printed calls give them all the same."""
    first = len(arguments) - len(defaults)
    return [
        Argument(it.name, it.type, default=_literal(defaults[place - first]))
        if place >= first
        else it
        for place, it in enumerate(arguments)
    ]


def _literal(node: ast.expr) -> Literal | Missing:
    try:
        value: Literal | list[Literal] = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return MISSING
    return tuple(value) if isinstance(value, list) else value
