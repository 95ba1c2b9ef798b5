"""Lite models in flatbuffer form: written anew as the zip archive that every runtime reads.

Each value of the model becomes the pickle instructions that make it, once; what refers to it again
refers to the same object, as in the original. So nothing is lost but sources and debug handles that
no lite interpreter runs. Layout: `torch/csrc/jit/serialization/mobile_bytecode.fbs`; meaning:
`torch/csrc/jit/mobile/flatbuffer_loader.cpp`. The pickles: `.../serialization/pickler.cpp`.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from builder.models.conversion.pickling import Pickler
from builder.models.conversion.wire import Table, Wire
from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.identify import IDENTIFIER
from builder.models.reading.bytecode import OPCODES
from builder.models.reading.type_texts import unreadable_in_schema
from builder.vocabulary.dtypes import STORED, STORED_NUMBERS

MAX_DEPTH: Final = 200  # how deep values may nest

_ZIP_BYTECODE: Final = 8  # what a flatbuffer calls version 9 differs in the container alone
_WITHOUT_SCHEMA: Final = 4  # the one version whose functions may lack a schema; otherwise the same
_FLATBUFFER_BYTECODE: Final = 9

_I8: Final = struct.Struct("<b")
_U8: Final = struct.Struct("<B")
_I32: Final = struct.Struct("<i")
_U32: Final = struct.Struct("<I")
_I64: Final = struct.Struct("<q")
_F64: Final = struct.Struct("<d")
_BOOL: Final = struct.Struct("<?")
_COMPLEX: Final = struct.Struct("<2d")
_INSTRUCTION: Final = struct.Struct("<bxHi")

_FUNCTION: Final = 16  # its number among the kinds of values
_SCHEMA: Final = 6  # a field of functions
_WITH_FIELDS, _CUSTOM, _WITH_STATE = 1, 2, 3  # kinds of classes
_QSCHEMES: Final = {
    0: "per_tensor_affine", 1: "per_channel_affine", 4: "per_channel_affine_float_qparams",
}  # fmt: skip
_CLASS: Final = re.compile(r"(?:\w+\.)+\w+", re.ASCII)


def to_records(data: bytes) -> Mapping[str, bytes | memoryview]:
    """Return the records of the same model as an archive; raise `MalformedError`."""
    start = 0 if data[4:8] == IDENTIFIER else 4
    if start and int.from_bytes(data[:4], "little") != len(data) - start:
        raise MalformedError("it is cut off, or bytes follow its end (its length is wrong)")
    return _Module(Wire(data, start).root()).records()


class _Module:
    """The root table, with its values by number."""

    def __init__(self, root: Table) -> None:
        self._root = root
        places = root.places(4, 4)
        size = root.number(11, _U32)
        self._places = places[:size] if 0 < size <= len(places) else places
        self.count = len(self._places)
        self._types = root.places(7, 4)
        self._storages = root.places(6, 4)

    def records(self) -> dict[str, bytes | memoryview]:
        version = self._root.number(0, _U32)
        if version != _FLATBUFFER_BYTECODE:
            raise MalformedError(
                f"it has flatbuffer version {version}, only {_FLATBUFFER_BYTECODE} can be read"
            )
        code, data = _Values(self, "constants/"), _Values(self, "data/")
        functions = tuple(self._functions())
        whole = all(_schema(it) is not None for it in functions)
        code.pickler.raw(b"(")
        code.pickler.put(_ZIP_BYTECODE if whole else _WITHOUT_SCHEMA)
        for function in functions:
            code.function(function)
        code.pickler.raw(b"t")
        data.put(self._root.number(3, _U32), self.count)
        nothing = Pickler()
        nothing.put(())
        return {
            **data.storages,
            "data.pkl": data.pickler.done(),
            **code.storages,
            "constants.pkl": nothing.done(),
            "bytecode.pkl": code.pickler.done(),
            **{f"extra/{it.text(0)}": it.raw(1) for it in self._root.tables(1)},
            "version": str(self._root.number(10, _U32)).encode() + b"\n",
            "byteorder": b"little",
        }

    def _functions(self) -> Iterator[Table]:
        for number in range(self.count):
            table = self.value(number)
            if table.number(0, _U8) == _FUNCTION:
                yield table.required(1)

    def value(self, number: int) -> Table:
        return self._root.at(self._places[number])

    def class_of(self, number: int) -> Table:
        if number >= len(self._types):
            raise MalformedError(f"the flatbuffer refers to class {number}, which is not there")
        return self._root.at(self._types[number])

    def storage(self, number: int) -> memoryview:
        if number >= len(self._storages):
            raise MalformedError(f"the flatbuffer refers to storage {number}, which is not there")
        return self._root.at(self._storages[number]).raw(0)


class _Values:
    """Puts values into one pickle; its tensors refer to storages in a folder of the archive."""

    def __init__(self, module: _Module, folder: str) -> None:
        self.pickler = Pickler()
        self.storages: dict[str, bytes | memoryview] = {}
        self._module = module
        self._folder = folder
        self._depth = 0

    def put(self, number: int, limit: int) -> None:
        """Append a value; those it holds come before it, so that no cycle is possible."""
        if number >= limit:
            raise MalformedError(f"the flatbuffer refers to value {number} before it is there")
        if self.pickler.again(number):
            return
        table = self._module.value(number)
        kind = table.number(0, _U8)
        writer = _KINDS.get(kind)
        if writer is None:
            raise MalformedError(f"the flatbuffer has a value of kind {kind} where none can be")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise MalformedError(f"the flatbuffer nests deeper than {MAX_DEPTH} levels")
        writer(self, table, number)
        self._depth -= 1
        if kind in _REMEMBERED:
            self.pickler.remember(number)

    def function(self, table: Table) -> None:
        """Append a function as `bytecode.pkl` has it: its name, its code, its schema if any."""
        pickler = self.pickler
        pickler.raw(b"(")
        pickler.put(table.text(0))
        pickler.raw(b"(")
        pickler.put(("instructions", tuple(map(_instruction, table.numbers(1, _INSTRUCTION)))))
        pickler.put(("operators", tuple(map(_operator, table.tables(2)))))
        pickler.raw(b"(")
        pickler.put("constants")
        self._several(table, 3, self._module.count, b"(", b"t")
        pickler.raw(b"t")
        pickler.put(("types", tuple(table.texts(4))))
        pickler.put(("register_size", table.number(5, _I32)))
        pickler.raw(b"t")
        schema = _schema(table)
        if schema is not None:
            pickler.raw(b"(")
            self._arguments("arguments", schema.tables(0))
            self._arguments("returns", schema.tables(1))
            pickler.raw(b"t")
        pickler.raw(b"t")

    def _arguments(self, name: str, arguments: Iterable[Table]) -> None:
        self.pickler.raw(b"(")
        self.pickler.put(name)
        self.pickler.raw(b"(")
        for argument in arguments:
            self.pickler.raw(b"(")
            self.pickler.put(("name", argument.text(0)))
            self.pickler.put(("type", argument.text(1)))
            self.pickler.raw(b"(")
            self.pickler.put("default_value")
            self.put(argument.number(2, _U32), self._module.count)
            self.pickler.raw(b"tt")
        self.pickler.raw(b"tt")

    def nothing(self, _table: Table, _number: int) -> None:
        self.pickler.put(None)

    def integer(self, table: Table, _number: int) -> None:
        self.pickler.put(table.fields(1, _I64)[0])

    def boolean(self, table: Table, _number: int) -> None:
        self.pickler.put(table.fields(1, _BOOL)[0])

    def double(self, table: Table, _number: int) -> None:
        self.pickler.put(table.fields(1, _F64)[0])

    def complex_number(self, table: Table, _number: int) -> None:
        self.pickler.call("builtins", "complex", table.fields(1, _COMPLEX))

    def text(self, table: Table, _number: int) -> None:
        self.pickler.put(table.required(1).text(0))

    def device(self, table: Table, _number: int) -> None:
        self.pickler.call("torch", "device", (table.required(1).text(0),))

    def values_list(self, table: Table, number: int) -> None:
        content = table.required(1)
        with self._tagged(content.text(1)):
            self._several(content, 0, number, b"](", b"e")

    def dictionary(self, table: Table, number: int) -> None:
        content = table.required(1)
        keys, values = content.numbers(0, _U32), content.numbers(1, _U32)
        if len(keys) != len(values):
            raise MalformedError("the flatbuffer has a dictionary of keys without values")
        with self._tagged(content.text(2)):
            self.pickler.raw(b"}(")
            for (key,), (value,) in zip(keys, values, strict=True):
                self.put(int(key), number)
                self.put(int(value), number)
            self.pickler.raw(b"u")

    def values_tuple(self, table: Table, number: int) -> None:
        self._several(table.required(1), 0, number, b"(", b"t")

    def integers(self, table: Table, _number: int) -> None:
        self._plain("build_intlist", table.required(1).numbers(0, _I64))

    def doubles(self, table: Table, _number: int) -> None:
        self._plain("build_doublelist", table.required(1).numbers(0, _F64))

    def booleans(self, table: Table, _number: int) -> None:
        self._plain("build_boollist", table.required(1).numbers(0, _BOOL))

    def instance(self, table: Table, number: int) -> None:
        content = table.required(1)
        described = self._module.class_of(content.number(0, _U32))
        name = described.text(0)
        if not _CLASS.fullmatch(name):
            raise MalformedError(f"'{shown(name)}' is no name of a class")
        module, _, own = name.rpartition(".")
        self.pickler.name(module, own)
        self.pickler.raw(b")\x81")
        kind = described.number(1, _U8)
        if kind == _WITH_FIELDS:
            names, values = described.texts(2), content.numbers(2, _U32)
            if len(names) != len(values) or len(set(names)) != len(names):
                raise MalformedError(f"an object of {shown(name)} has values without names")
            self.pickler.raw(b"}(")
            for attribute, (value,) in zip(names, values, strict=True):
                self.pickler.put(attribute)
                self.put(int(value), number)
            self.pickler.raw(b"u")
        elif kind in (_CUSTOM, _WITH_STATE):
            self.put(content.number(1, _U32), number)
        else:
            raise MalformedError(f"class {shown(name)} is of kind {kind}, which has no meaning")
        self.pickler.raw(b"b")

    def enumeration(self, table: Table, _number: int) -> None:
        name = shown(table.required(1).text(0))
        raise MalformedError(
            f"it holds a value of the enumeration {name}, which no lite interpreter can load"
        )

    def tensor(self, table: Table, _number: int) -> None:
        self._tensor(table.required(1))

    def _tensor(self, content: Table) -> None:
        dtype = STORED_NUMBERS.get(content.number(1, _I8))
        if dtype is None:
            raise MalformedError("the flatbuffer has a tensor of an unknown dtype")
        quantized = content.table(6)
        rebuild = "_rebuild_tensor_v2" if quantized is None else "_rebuild_qtensor"
        self.pickler.name("torch._utils", rebuild)
        self.pickler.raw(b"(")
        self._storage(content.number(0, _U32), dtype)
        self.pickler.put(content.number(2, _I32))
        for field in (3, 4):
            self.pickler.put(tuple(it[0] for it in content.numbers(field, _I32)))
        if quantized is not None:
            self._quantizer(quantized)
        self.pickler.put(bool(content.number(5, _U8)))
        self.pickler.call("collections", "OrderedDict", ())
        self.pickler.raw(b"tR")

    def _storage(self, number: int, dtype: str) -> None:
        content = self._module.storage(number)
        self.storages[f"{self._folder}{number}"] = content
        self.pickler.raw(b"(")
        self.pickler.put("storage")
        self.pickler.name("torch", f"{dtype}Storage")
        for part in (str(number), "cpu", len(content) // STORED[dtype].size):
            self.pickler.put(part)
        self.pickler.raw(b"tQ")

    def _quantizer(self, schema: Table) -> None:
        scheme = _QSCHEMES.get(schema.number(0, _I8))
        if scheme is None:
            raise MalformedError("the flatbuffer has a tensor quantized in an unknown way")
        self.pickler.raw(b"(")
        self.pickler.name("torch", scheme)
        if scheme == "per_tensor_affine":
            self.pickler.put(float((schema.inline(1, _F64) or (0.0,))[0]))
            self.pickler.put(schema.number(2, _I32))
        else:
            self._part(schema.required(3))
            self._part(schema.required(4))
            self.pickler.put(schema.number(5, _I32))
        self.pickler.raw(b"t")

    def _part(self, content: Table) -> None:
        """Append scales or zero points: tensors, which are not quantized themselves."""
        if content.table(6) is not None:
            raise MalformedError("the flatbuffer has scales that are quantized")
        self._tensor(content)

    def _several(self, content: Table, field: int, limit: int, opened: bytes, end: bytes) -> None:
        self.pickler.raw(opened)
        for (number,) in content.numbers(field, _U32):
            self.put(int(number), limit)
        self.pickler.raw(end)

    def _plain(self, function: str, items: Iterable[tuple[int | float | bool, ...]]) -> None:
        self.pickler.name("torch.jit._pickle", function)
        self.pickler.raw(b"(](")
        for (item,) in items:
            self.pickler.put(item)
        self.pickler.raw(b"etR")

    @contextmanager
    def _tagged(self, annotation: str) -> Iterator[None]:
        """Give the container that is put meanwhile its type: its content alone does not tell."""
        self.pickler.name("torch.jit._pickle", "restore_type_tag")
        self.pickler.raw(b"(")
        yield
        self.pickler.put(annotation)
        self.pickler.raw(b"tR")


def _schema(function: Table) -> Table | None:
    """Return the schema of a function; None where torch has none: of types it cannot read, too."""
    schema = function.table(_SCHEMA)
    if schema is None:
        return None
    types = [argument.text(1) for field in (0, 1) for argument in schema.tables(field)]
    return None if any(unreadable_in_schema(types)) else schema


def _instruction(fields: tuple[int | float | bool, ...]) -> tuple[str, int, int]:
    opcode, second, first = map(int, fields)
    if not 0 <= opcode < len(OPCODES):
        raise MalformedError(f"it uses instruction {opcode}, unknown to the runtime")
    return OPCODES[opcode], first, second


def _operator(table: Table) -> tuple[str | int, ...]:
    count = table.number(2, _I32, -1)
    return (table.text(0), table.text(1), *((count,) if count >= 0 else ()))


_KINDS: Final[Mapping[int, Callable[[_Values, Table, int], None]]] = {
    0: _Values.nothing,
    1: _Values.integer,
    2: _Values.boolean,
    3: _Values.double,
    4: _Values.complex_number,
    5: _Values.tensor,
    6: _Values.text,
    7: _Values.values_list,
    8: _Values.values_tuple,
    9: _Values.dictionary,
    10: _Values.instance,
    11: _Values.integers,
    12: _Values.doubles,
    13: _Values.booleans,
    14: _Values.device,
    15: _Values.enumeration,
}
"""Writers of the kinds of values (`IValueUnion`); functions, kind 16, are no values."""

_REMEMBERED: Final = frozenset({5, 6, 7, 8, 9, 10, 11, 12, 13})
"""What is not told again but referred to: identity matters, or it is large."""
