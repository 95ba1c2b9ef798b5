"""TorchScript archives read without torch: the model that conversion would make, or nothing.

Which functions it keeps: `inlineFunctions` and `gatherGetSetStates` in
`torch/csrc/jit/serialization/export_bytecode.cpp`.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeGuard

from builder.models.formats.archive import Archive
from builder.models.formats.pickle_values import Call, Pickle, Storage, Tensor
from builder.models.reading.bytecode import parse_bytecode
from builder.models.reading.lite import (
    Content,
    check_storages,
    described,
    operator_version,
    read_pickles,
)
from builder.models.torchscript.frontend.program import TORCHBIND, Class, Definition, Program
from builder.models.torchscript.frontend.sources import MAX_FILE, Sources
from builder.models.torchscript.graphs.emission import Code, emit
from builder.models.torchscript.graphs.repairs import refuse_repairs
from builder.models.torchscript.inlining import converted
from builder.models.torchscript.places import Places
from builder.models.torchscript.signatures.kinds import Kind, UnsureError, bytecode_text
from builder.models.torchscript.signatures.literals import Literal, Opaque
from builder.models.torchscript.signatures.schemas import Schemas
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName, SourceLine

BYTECODE: Final = 8
"""The version of the bytecode that torch writes."""

_STATE: Final = ("__getstate__", "__setstate__")
_CHANGED: Final = {
    "aten::div": 4, "aten::div_": 4, "aten::full": 5, "aten::linspace": 8, "aten::logspace": 9,
    "aten::gelu": 10,
}  # fmt: skip
"""Operators, and the version of the set in which they got another meaning
(`torch/csrc/jit/operator_upgraders/version_map.cpp`)."""

_FOLDER: Final = "constants/"


def read_source(archive: Archive, schemas: Schemas) -> Model | None:
    """Return the model of a TorchScript archive, as it was exported.

    None where the meaning of its source is not certain: then torch has to convert it. Raise
    `MalformedError` for a damaged archive.
    """
    try:
        with _uncollected():
            return _Reading(archive, schemas).model()
    except (UnsureError, RecursionError):  # what is deep in one function is refused before
        return None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let no garbage be collected meanwhile: graphs are all cycles, and looking takes a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Reading:
    """Reads one archive."""

    def __init__(self, archive: Archive, schemas: Schemas) -> None:
        self._archive = archive
        archive.check_contents()
        operator_version(archive)
        self._pickles = read_pickles(archive, iter(("data.pkl", "constants.pkl")))
        for name in ("data", "constants"):
            check_storages(archive, self._pickles[f"{name}.pkl"], f"{name}/")
        self._constants = self._pickles["constants.pkl"].value
        if not isinstance(self._constants, tuple):
            raise UnsureError("its constants are no tuple")
        self._program = Program(Sources(self._source), self._constants, schemas)
        self._used: dict[str, Storage] = {}
        self._devices: set[str] = set()

    def _source(self, record: str) -> bytes | None:
        if record not in self._archive.records:
            return None
        if self._archive.records[record].size > MAX_FILE:
            raise UnsureError("its source is too long")
        return self._archive.read(record, limit=MAX_FILE)

    def model(self) -> Model:
        places = Places(self._archive)
        rows: list[object] = [BYTECODE]
        lines: dict[str, Sequence[SourceLine | None]] = {}
        for name, definition in self._definitions():
            graph = converted(self._program, definition)
            refuse_repairs(graph)
            code = emit(graph)
            rows.append((name, self._table(code), *_schema(definition)))
            lines[name] = places.lines(code)
        code_pickle = Pickle(storages=list(self._used.values()), devices=self._devices)
        content = Content(
            {**self._pickles, "bytecode.pkl": code_pickle},
            _FOLDER,
            parse_bytecode(tuple(rows), lines),
            lines=True,
        )
        model = described(self._archive, content, self._archive.path.stem, self._archive.path)
        _refuse_old(model)
        return model

    def _definitions(self) -> Iterator[tuple[str, Definition]]:
        """Yield what conversion keeps: the methods of the module, and those that keep a state."""
        root = self._pickles["data.pkl"].value
        if not isinstance(root, Call):
            raise UnsureError("it holds no module")
        top = self._class(root)
        if not top.methods:
            raise UnsureError("it has no methods")
        found = {f"{top.type.name}.{name}": it for name, it in top.methods.items()}
        pending, seen = [root], set[int]()
        while pending:
            item = pending.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            if f"{item.function.module}.".startswith(TORCHBIND):
                continue
            kept = self._class(item)
            if all(name in kept.methods for name in _STATE):
                for name in _STATE:
                    found.setdefault(f"{kept.type.name}.{name}", kept.methods[name])
            elif isinstance(item.state, dict):
                pending += [it for it in item.state.values() if _is_object(it)]
        yield from found.items()

    def _class(self, item: Call) -> Class:
        name = f"{item.function.module}.{item.function.name}"
        type_ = self._program.named_type(name)
        if type_.kind is not Kind.CLASS:
            raise UnsureError(f"it holds a value of {name}")
        return self._program.class_of(type_)

    def _table(self, code: Code) -> tuple[object, ...]:
        """Return the code as `bytecode.pkl` has it."""
        operators = (
            (f"{it.namespace}::{it.base}", it.overload, -1 if given is None else given)
            for it, given in code.operators
        )
        return (
            ("instructions", tuple(code.instructions)),
            ("operators", tuple(operators)),
            ("constants", tuple(self._constant(it) for it in code.constants)),
            ("types", tuple(map(bytecode_text, code.types))),
            ("register_size", code.registers),
        )

    def _constant(self, literal: Literal) -> object:
        if not isinstance(literal, Opaque):
            return literal
        if isinstance(literal.value, Tensor):
            self._used[literal.value.storage.key] = literal.value.storage
            self._devices.add(literal.value.storage.location)
        elif isinstance(literal.value, str):
            self._devices.add(literal.value)
        elif isinstance(literal.value, Call):
            raise UnsureError("an object is among its constants")
        return literal.value


def _is_object(value: object) -> TypeGuard[Call]:
    """Whether a value of the pickle is an object of a class, of the source or of torch."""
    return isinstance(value, Call) and f"{value.function.module}.".startswith("__torch__.")


def _schema(definition: Definition) -> tuple[object, ...]:
    """Return what `bytecode.pkl` says of arguments and results, as far as it is read."""
    schema = definition.schema
    arguments = tuple((("name", it.name), ("type", str(it.type))) for it in schema.arguments)
    results = tuple((("name", ""), ("type", str(it.type))) for it in schema.results)
    return ((("arguments", arguments), ("returns", results)),)


def _refuse_old(model: Model) -> None:
    """Raise `UnsureError` for an operator that meant something else when the model was written."""
    for name in model.operators:
        newer = _CHANGED.get(f"{name.namespace}::{name.base}", 0)
        if model.operator_version < newer and not _of_numbers(name):
            raise UnsureError(f"{name} has changed since it was written")


def _of_numbers(name: OperatorName) -> bool:
    return name.base == "div" and name.overload in ("int", "float", "complex", "")
