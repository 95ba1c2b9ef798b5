"""Models as they were read, and what they are run on."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from builder.vocabulary.operators import OperatorName, OperatorUse


class ModelFormat(StrEnum):
    """How the model file is laid out."""

    TORCHSCRIPT = "torchscript"
    LITE = "lite"
    FLATBUFFER = "flatbuffer"
    EXPORTED = "exported"


class Rewrite(StrEnum):
    """Whether models are rewritten for speed: those that gain and answer the same, or none."""

    AUTO = "auto"
    OFF = "off"


DEFAULT_REWRITE: Final = Rewrite.AUTO


Instruction = tuple[str, int, int]
"""An opcode and its two operands, `X` and `N` of `torch/csrc/jit/runtime/instruction.h`."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a function does, step by step, as far as it moves the interpreter's stack.

    `operators` are in the order in which instructions number them. `inputs` is how many values a
    call takes from the stack. `constants` says of each whether it is a text. `registers` and
    `types` are how many there are.
    """

    instructions: tuple[Instruction, ...]
    operators: tuple[OperatorUse, ...]
    inputs: int
    constants: tuple[bool, ...]
    registers: int
    types: int


@dataclass(frozen=True, slots=True)
class Method:
    """One function of the bytecode, by its qualified name (`__torch__.Net.forward`).

    `unreadable` says which types and values keep the interpreter from loading it, in words. `code`
    is there when the model was read from a file.
    """

    name: str
    operators: tuple[OperatorUse, ...]
    opcodes: frozenset[str]
    unreadable: tuple[str, ...] = ()
    code: Code | None = None


@dataclass(frozen=True, slots=True, order=True)
class DtypeSize:
    """The stored tensors of one dtype: how many separate storages, and their bytes together."""

    dtype: str
    storages: int
    size: int


@dataclass(frozen=True, slots=True, order=True)
class Duplicate:
    """Storages of one dtype with equal bytes, by the names of tensors in them; `size` is of one."""

    names: tuple[str, ...]
    dtype: str
    size: int

    @property
    def wasted(self) -> int:
        """The bytes the file would be smaller if they were stored once."""
        return self.size * (len(self.names) - 1)


@dataclass(frozen=True, slots=True, order=True)
class Repair:
    """What the conversion changed in a model: so that it runs as in torch, or so that it is faster.

    `name` is that of the kind of repair, `what` says what happened, `count` how often.
    """

    name: str
    what: str
    count: int

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.what} ({'once' if self.count == 1 else f'{self.count} times'})"

    def document(self) -> dict[str, str | int]:
        """Return plain data for `--json` and the manifest."""
        return {"name": self.name, "what": self.what, "count": self.count}


@dataclass(frozen=True, slots=True)
class TensorArgument:
    """A tensor among the inputs of an exported program.

    `path` is where it is in Python (`x`, `states[0]`), `dtype` as torch spells it; a size is a
    number, or arithmetic on names of sizes (`s77`, `2*s77 + 1`).
    """

    path: str
    dtype: str
    sizes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call. `keyword`: in Python it was given by name; an app gives it in order.

    `type` is a TorchScript type, `tensors` are those in it.
    """

    name: str
    type: str
    keyword: bool
    tensors: tuple[TensorArgument, ...]


@dataclass(frozen=True, slots=True)
class SizeRange:
    """A size that inputs may choose; `most` is None where there is no limit."""

    name: str
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """How an exported program is called."""

    arguments: tuple[Argument, ...]
    returns: str
    sizes: tuple[SizeRange, ...]


@dataclass(frozen=True, slots=True)
class OwnOperators:
    """Operators of the user's own, as desktop torch is told of them in a child process.

    `schemas` are enough to convert a model. `libraries` also run them there: without any, nothing
    tells what a model answers that calls them.
    """

    schemas: tuple[str, ...] = ()
    libraries: tuple[Path, ...] = ()

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The names of the operators that desktop torch knows, but cannot run."""
        return () if self.libraries else tuple(it.partition("(")[0] for it in self.schemas)

    @property
    def known(self) -> OwnOperators:
        """These operators by their schemas alone."""
        return OwnOperators(self.schemas)

    def document(self) -> dict[str, object]:
        """Return what the child process reads: nothing where there are none."""
        libraries = [str(path.resolve()) for path in self.libraries]
        return {"own": {"schemas": self.schemas, "libraries": libraries}} if self.schemas else {}

    @staticmethod
    def parse(document: Mapping[str, Any]) -> OwnOperators:
        """Return what such a document tells."""
        told = document.get("own", {"schemas": (), "libraries": ()})
        return OwnOperators(tuple(told["schemas"]), tuple(map(Path, told["libraries"])))

    def of(self, names: Container[OperatorName]) -> OwnOperators:
        """Return these operators alone; without any, no library is needed either."""
        schemas = tuple(
            it for it in self.schemas if OperatorName.parse(it.partition("(")[0]) in names
        )
        return OwnOperators(schemas, self.libraries) if schemas else OwnOperators()


@dataclass(frozen=True, slots=True)
class Model:
    """A lite-interpreter model: what its bytecode asks of the runtime.

    `source` is the file the user named, `path` the `.ptl` that ships (the same file for lite
    models), whose hash is `sha256`. Versions are those of the bytecode and of the operator set.
    `classes` are the custom (TorchBind) classes as `namespace.Name`, `dtypes` the names of the
    dtypes of its stored tensors (`Float`, `Long`), those in its code included.

    `root` is the class of the top module, `types` are those the bytecode names. `argument_dtypes`
    are the dtypes that calls surely ask for with a constant, as `x.to(torch.half)` does; calls that
    compute theirs are not among them. `weights` are sorted by dtype, `duplicates` by what they
    waste. `debug_info`: whether the file can tell source lines. `run_dtypes` are dtypes it was seen
    to need besides, when it ran on given inputs. `sparse`: whether sparse tensors are stored in it.
    `devices` are those that its tensors and its code name, as `cuda:0`.
    `repairs`: what the model that ships does otherwise than the one the user named.
    `rewrites`: what it does faster. `notes`: what else there is to say, as why it is not faster.
    `packed`: custom classes of stored objects that pack weights, with the dtype of these.
    `layers`: which of the `LAYERS` are stored in it.
    `own` are the operators of the user's own that it calls.
    Of an exported program, `call` says how it is called, and `examples` are files of arguments that
    it was compared with TorchScript on.
    """

    name: str
    source: Path
    path: Path
    sha256: str
    format: ModelFormat
    bytecode_version: int
    operator_version: int
    methods: tuple[Method, ...]
    classes: frozenset[str]
    dtypes: frozenset[str]
    bundled_inputs: bool
    root: str = ""
    types: frozenset[str] = frozenset()
    argument_dtypes: frozenset[str] = frozenset()
    weights: tuple[DtypeSize, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    debug_info: bool = False
    run_dtypes: frozenset[str] = frozenset()
    sparse: bool = False
    devices: frozenset[str] = frozenset()
    repairs: tuple[Repair, ...] = ()
    rewrites: tuple[Repair, ...] = ()
    notes: tuple[str, ...] = ()
    packed: frozenset[tuple[str, str]] = frozenset()
    layers: frozenset[str] = frozenset()
    call: Call | None = None
    examples: tuple[Path, ...] = ()
    own: OwnOperators = field(default_factory=OwnOperators)

    @property
    def exported(self) -> tuple[Method, ...]:
        """The methods an app can call: those of the top module, not of modules inside it."""
        return tuple(it for it in self.methods if it.name.rpartition(".")[0] == self.root)

    @property
    def operators(self) -> frozenset[OperatorName]:
        """Every operator any method calls."""
        return frozenset(use.name for method in self.methods for use in method.operators)

    @property
    def rounds(self) -> bool:
        """Whether it rounds numbers to 8 bits, or calls what does."""
        return any(
            name.namespace in {"quantized", "_quantized"} or name.base.startswith("quantize")
            for name in self.operators
        )


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Where a model's inputs come from: files, shapes to fill, or what is bundled with the model.

    `dtypes` has one name per shape, as torch spells it (`float32`).
    """

    files: tuple[Path, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    bundled: bool = False

    @property
    def given(self) -> bool:
        """Whether there is anything to run the model on."""
        return bool(self.files or self.shapes or self.bundled)

    def describe(self) -> str:
        """Return a few words for the report."""
        if self.files:
            return ", ".join(path.name for path in self.files)
        if self.bundled:
            return "bundled inputs"
        return ", ".join(
            f"{dtype}[{','.join(map(str, shape))}]"
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        )

    def document(self) -> dict[str, object]:
        """Return what the child process that runs desktop torch reads."""
        if self.bundled:
            return {"bundled": True}
        if self.files:
            return {"files": [str(path.resolve()) for path in self.files]}
        return {"shapes": self.shapes, "dtypes": self.dtypes} if self.shapes else {}


def inputs_for(model: Model, spec: InputSpec) -> InputSpec:
    """Return what a model is run on: what is given for it, else what comes with it."""
    if spec.given:
        return spec
    return InputSpec(bundled=True) if model.bundled_inputs else InputSpec(files=model.examples)
