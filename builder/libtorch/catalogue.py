"""The operators a source tree has: their schemas, and where each of them is registered."""

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.operators import OperatorName, OperatorUse
from builder.vocabulary.plan import Kernels

PROMOTED: Final = "torch/csrc/jit/mobile/promoted_prim_ops.cpp"
"""The file of the tree that registers operators with the interpreter itself, when it starts."""

_VERSION: Final = 3  # of the text
_STRUCT: Final = re.compile(
    r"struct TORCH_API (?P<symbol>\w+) \{.*?"
    r'\bname = "(?P<name>[^"]+)";.*?'
    r'\boverload_name = "(?P<overload>[^"]*)";.*?'
    r'\bschema_str = "(?P<schema>(?:[^"\\]|\\.)*)";',
    re.DOTALL,
)
_PROMOTION: Final = re.compile(r'^\s*mobile::prim_op_fn_register\(\s*"([^"]+)"', re.MULTILINE)
_LITERALS: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*')
_LITERAL: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "f": "\f", "v": "\v"}
_SCHEMA: Final = re.compile(r"(?P<name>\w+::\w+(?:\.\w+)?)\(.*\)\s*->", re.DOTALL)
_UNASKED: Final = re.compile(
    r"\bOperator\(\s*(?:(?P<literals>\"[^;]*?\")|(?P<symbol>\w+::\w+))\s*,"
)
_PIECE: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^"'])""")
_ANNOTATION: Final = re.compile(r"\([^)]*\)")
_CLASS: Final = re.compile(r"__torch__\.torch\.classes\.(\w+\.\w+)")
_LIST: Final = re.compile(r"(\w+)\[(\d*)\]")
_NAMED_DEFAULTS: Final = {
    "contiguous_format": 0,  # c10::MemoryFormat
    "preserve_format": 1,
    "Mean": 1,  # at::Reduction
    "Sum": 2,
    "long": 4,  # c10::ScalarType
}


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """One operator of a source tree.

    `header` and `symbol` are set for ATen operators, which we register ourselves: the function is
    `at::_ops::<symbol>::call` of `<ATen/ops/<header>_ops.h>`. Others are registered by `registrar`,
    a file of the tree that filters what it registers by an allow-list; or `kernel` names a function
    of the file `source` that runs it (see `builder.libtorch.kernels`): a path of the tree, or an id
    such as `native:path`. Without any of these, the interpreter itself always has the operator.
    `place` is where the user's own C++ defines it (`ops/nms.cpp:12`): such an operator without a
    kernel cannot be had. `missing`: the source lacks it, and every call of it fails. `later` is how
    many arguments at the end of the schema it lacks: they have to be None.
    """

    name: OperatorName
    schema: str
    header: str = ""
    symbol: str = ""
    registrar: str = ""
    kernel: str = ""
    source: str = ""
    missing: bool = False
    later: int = 0
    place: str = ""

    @property
    def classes(self) -> frozenset[str]:
        """The custom classes its arguments and results are of, as `namespace.Name`."""
        return frozenset(_CLASS.findall(self.schema))

    @property
    def definer(self) -> str:
        """The id of the source with the kernel, `component:path`; empty without a kernel."""
        return self.source if not self.source or ":" in self.source else f"pytorch:{self.source}"

    @property
    def of_our_kernels(self) -> bool:
        """Whether it is one of our kernels, which a build may be without."""
        return self.source.startswith("native:src/kernels/")

    @property
    def most_arguments(self) -> int | None:
        """How many arguments can be passed; None: any number, as without a schema."""
        arguments = split_arguments(self.schema) if self.schema else ("...",)
        return None if "..." in arguments else len(arguments)

    @property
    def least_arguments(self) -> int:
        """How many have to be passed: the interpreter knows the defaults of the others.

        What takes an output takes it as its last argument, whatever else is passed.
        """
        arguments = tuple(_demands(self.schema)) if self.schema else ()
        outputs = sum(output for output, _ in arguments)
        inputs = [required for output, required in arguments if not output]
        return len(inputs) - inputs[::-1].index(True) + outputs if any(inputs) else 0

    def accepts(self, count: int) -> bool:
        """Whether so many arguments can be passed; without a schema nothing is refused."""
        most = self.most_arguments
        return most is None or self.least_arguments <= count <= most


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All operators by name.

    `unasked` are those that a registrar registers whether or not its allow-list has them, by the
    registrar: whoever links the file has them. Some have no schema, and are no entries: no bytecode
    can name them.
    """

    entries: Mapping[OperatorName, OperatorEntry]
    unasked: Mapping[str, frozenset[OperatorName]] = field(default_factory=dict)

    @property
    def builtin(self) -> frozenset[OperatorName]:
        """What every runtime has: the operators of the interpreter itself."""
        return frozenset(
            name
            for name, it in self.entries.items()
            if not (it.symbol or it.registrar or it.kernel or it.missing or it.place)
        )

    def usable(self, kernels: Kernels) -> "Catalogue":
        """Return the operators that a build with these kernels can have."""
        if kernels is Kernels.AUTO:
            return self
        entries = {name: it for name, it in self.entries.items() if not it.of_our_kernels}
        return replace(self, entries=entries)

    def held(self, selected: frozenset[OperatorName]) -> tuple[OperatorUse, ...]:
        """Return all that a runtime has which registers `selected`, sorted."""
        registrars = {self.entries[name].registrar for name in selected}
        beside = frozenset(name for it in registrars for name in self.unasked.get(it, ()))
        return tuple(
            OperatorUse(name, self.entries[name].most_arguments if name in self.entries else None)
            for name in sorted(selected | self.builtin | beside)
        )

    def parsed(self, selected: frozenset[OperatorName]) -> tuple[OperatorEntry, ...]:
        """Return the operators that files of the source register from a text, sorted by name.

        They are those selected, and what the same files register beside them.
        """
        registrars = {self.entries[name].registrar for name in selected} - {""}
        unasked = frozenset(name for it in registrars for name in self.unasked.get(it, ()))
        found = (self.entries[name] for name in selected | unasked if name in self.entries)
        return tuple(
            sorted((it for it in found if it.registrar in registrars), key=lambda it: str(it.name))
        )

    def to_json(self) -> str:
        """Return a stable text that `from_json` reads."""
        rows = [
            [str(e.name), e.schema, e.header, e.symbol, e.registrar, e.kernel, e.source]
            for _, e in sorted(self.entries.items())
        ]
        unasked = {it: sorted(map(str, names)) for it, names in sorted(self.unasked.items())}
        return json.dumps({"version": _VERSION, "operators": rows, "unasked": unasked}, indent=0)

    @staticmethod
    def from_json(text: str) -> "Catalogue":
        """Read what `to_json` wrote; raise `ValueError` on another version."""
        data = json.loads(text)
        if data.get("version") != _VERSION:
            message = f"unknown version of the operator catalogue: {data.get('version')}"
            raise ValueError(message)
        return make_catalogue(
            (OperatorEntry(OperatorName.parse(it), *fields) for it, *fields in data["operators"]),
            {it: map(OperatorName.parse, names) for it, names in data["unasked"].items()},
        )


def with_newer(catalogue: Catalogue, schemas: Iterable[str]) -> Catalogue:
    """Take later schemas: of operators that the source lacks, or has with fewer arguments.

    Models may name the first, and give the others more arguments. What it has with as many stays.
    """
    entries = dict(catalogue.entries)
    for schema in schemas:
        name = OperatorName.parse(schema.partition("(")[0])
        known = entries.get(name)
        if known is None:
            entries[name] = OperatorEntry(name, schema, missing=True)
            continue
        later = len(split_arguments(schema)) - len(split_arguments(known.schema))
        if later > 0:
            entries[name] = replace(known, schema=schema, later=later)
    return replace(catalogue, entries=entries)


def with_kernels(catalogue: Catalogue, own: Mapping[str, Iterable[str]]) -> Catalogue:
    """Take operators that sources of ours implement: schemas by the source (`native:path`).

    What the interpreter of a source always has stays its own.
    """
    entries, builtin = dict(catalogue.entries), catalogue.builtin
    for source, schemas in own.items():
        for schema in schemas:
            name = OperatorName.parse(schema.partition("(")[0])
            if name in builtin:
                continue
            entries[name] = OperatorEntry(name, schema, kernel=kernel_symbol(name), source=source)
    return replace(catalogue, entries=entries)


def make_catalogue(
    entries: Iterable[OperatorEntry],
    unasked: Mapping[str, Iterable[OperatorName]] = MappingProxyType({}),
) -> Catalogue:
    """Index entries by name; of two with one name the first stays."""
    index: dict[OperatorName, OperatorEntry] = {}
    for entry in entries:
        index.setdefault(entry.name, entry)
    return Catalogue(index, {it: frozenset(names) for it, names in unasked.items()})


def parse_operators_header(text: str, header: str) -> Iterator[OperatorEntry]:
    """Read the structs of one generated `<ATen/ops/<header>_ops.h>`."""
    for match in _STRUCT.finditer(text):
        name = OperatorName.parse(match["name"])
        yield OperatorEntry(
            OperatorName(name.namespace, name.base, match["overload"]),
            f"{name.namespace}::{_unescaped(match['schema'])}",
            header=header,
            symbol=match["symbol"],
        )


def parse_registrar(preprocessed: str, registrar: str) -> Iterator[OperatorEntry]:
    """Find schemas among the string literals of a registrar after macro expansion.

    Macros build many of them from pieces (`"aten::add" ".int(int a, int b) -> " "int"`), so only
    the preprocessor knows them whole.
    """
    for match in _LITERALS.finditer(preprocessed):
        text = _unescaped("".join(_LITERAL.findall(match.group())))
        schema = _SCHEMA.match(text)
        if schema is not None:
            yield OperatorEntry(OperatorName.parse(schema["name"]), text, registrar=registrar)


def parse_unasked(preprocessed: str) -> Iterator[OperatorName]:
    """Find what a registrar registers without a look at the allow-list, after macro expansion.

    The allow-list is asked by the type of the schema's text, `torch::detail::SelectiveStr`. An
    `Operator` made of a plain literal, or of a symbol because it has no schema, is always there.
    """
    for match in _UNASKED.finditer(preprocessed):
        text = _unescaped("".join(_LITERAL.findall(match["literals"] or "")))
        if named := _SCHEMA.match(text):
            yield OperatorName.parse(named["name"])
        elif match["symbol"]:
            yield OperatorName.parse(match["symbol"])


def _unescaped(literal: str) -> str:
    """Return what the compiler makes of the text between the quotes of a C++ string literal."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), literal)


def parse_promoted(text: str) -> Iterator[OperatorEntry]:
    """Find the operators promoted into the interpreter in the text of `PROMOTED`."""
    for match in _PROMOTION.finditer(text):
        yield OperatorEntry(OperatorName.parse(match[1]), schema="")


_MARKS: Final = {
    (False, False): "",
    (False, True): "!",
    (True, False): "*",
    (True, True): ">",
}
"""How an argument is marked: whether it is for keywords alone, and whether it is written to."""


def encode_arguments(schema: str) -> str:
    """Return what the interpreter needs of a schema (see `native/src/registry/registration.h`).

    What takes any number of arguments ends with the field `~`. Raises `ValueError` for a default it
    does not know how to write.
    """
    fields: list[str] = []
    keyword_only = False
    for argument in argument_pieces(schema):
        if argument == "...":
            fields.append("~")
            continue
        if argument == "*":
            keyword_only = True
            continue
        declaration, separator, default = argument.partition("=")
        kind, _, _ = declaration.strip().rpartition(" ")
        mark = _MARKS[keyword_only, "!" in kind]
        fields.append(mark + (_encode_default(kind, default.strip()) if separator else ""))
    return "|".join(fields) + ("|" if fields else "")


def count_results(schema: str) -> int:
    """Return how many values an operator leaves on the interpreter's stack.

    A tuple among them, as in `-> (Tensor, (Tensor, int))`, is one value.
    """
    returned = schema.rpartition(" -> ")[2].strip()
    if not returned.startswith("("):
        return 1
    depth = 0
    count = 0 if returned == "()" else 1
    for letter in returned:
        depth += (letter in "([") - (letter in ")]")
        count += letter == "," and depth == 1
    return count


def gives_any(schema: str) -> bool:
    """Whether an operator leaves a number of values that its schema does not tell."""
    return schema.rpartition(" -> ")[2].strip() == "..."


def _encode_default(kind: str, text: str) -> str:
    kind = _ANNOTATION.sub("", kind).removesuffix("?")
    if text == "None":
        return "n"
    listed = _LIST.fullmatch(kind)
    if listed is not None:
        base, length = listed[1], int(listed[2] or 1)
        items = text[1:-1].split(",") if text.startswith("[") else [text] * length
        encoded = [_encode_scalar(base, item.strip()) for item in items if item.strip()]
        letter = {"float": "D", "bool": "B"}.get(base, "I")
        return letter + ",".join(item if letter == "B" else item[1:] for item in encoded)
    return _encode_scalar(kind, text)


def _encode_scalar(kind: str, text: str) -> str:
    if text in ("True", "False"):
        return text[0].lower()
    if kind == "str":
        if "|" in text:
            message = f"no default may hold a separator: {text}"
            raise ValueError(message)
        return "s" + _unescaped(text[1:-1])
    if text in _NAMED_DEFAULTS:
        return f"i{_NAMED_DEFAULTS[text]}"
    if kind == "float":
        return _encode_real(text)
    return f"i{int(text)}" if re.fullmatch(r"-?\d+", text) else _encode_real(text)


def _encode_real(text: str) -> str:
    """Write the bits: the C library reads decimal fractions as the locale of the app says."""
    return "d" + struct.pack(">d", float(text)).hex()


def split_arguments(schema: str) -> tuple[str, ...]:
    """Return the arguments of a schema as they are written, without the lone `*`."""
    return tuple(piece for piece in argument_pieces(schema) if piece != "*")


def _demands(schema: str) -> Iterator[tuple[bool, bool]]:
    """Yield of each argument whether it is an output, and whether it has no default."""
    keyword_only = False
    for argument in argument_pieces(schema):
        if argument == "*":
            keyword_only = True
            continue
        declaration, separator, _ = argument.partition("=")
        yield keyword_only and "!" in declaration, not separator


def argument_pieces(schema: str) -> Iterator[str]:
    """Split what stands between the parentheses of a schema at its top-level commas.

    A lone `*` is a piece, too: what follows it is given by name.
    """
    depth = 0
    pieces = [""]
    for part in _PIECE.findall(schema, schema.index("(")):  # a character, or a string as a whole
        depth -= part in ")]"
        if depth == 0 and part == ")":
            break
        if part == "," and depth == 1:
            pieces.append("")
        elif depth > 0:
            pieces[-1] += part
        depth += part in "(["
    return (piece.strip() for piece in pieces if piece.strip())
