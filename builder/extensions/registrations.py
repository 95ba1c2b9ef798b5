"""What a file of C++ registers: schemas and kernels, each with the line it stands in.

The macros of `<torch/library.h>` are found by their names, and what stands between their braces is
read call by call. Nothing is compiled, so what macros of the file itself write is not seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from builder.extensions.lexing import Lexeme, Token, joined, read_tokens
from builder.vocabulary.operators import OperatorName

KEYS: Final = (
    "CPU", "QuantizedCPU", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "CatchAll",
)  # fmt: skip
"""The dispatch keys whose kernels can run here, the one that is preferred first."""

_BLOCKS: Final = {"TORCH_LIBRARY": 2, "TORCH_LIBRARY_FRAGMENT": 2, "TORCH_LIBRARY_IMPL": 3}
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}
_OPENING: Final = {close: opening for opening, close in _CLOSING.items()}
_PYTHON: Final = (
    "torch/extension.h", "torch/python.h", "torch/csrc/utils/pybind.h", "Python.h", "pybind11/",
)  # fmt: skip
_FRONTEND: Final = ("torch/torch.h", "torch/all.h", "torch/nn.h", "torch/optim.h")
_INSTEAD: Final = "include <torch/library.h> and <ATen/ATen.h> instead"
_WRITE_SCHEMA: Final = (
    'write the schema: m.def("area(Tensor boxes, float scale=1.0) -> Tensor", area)'
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line, and what to do about it."""

    line: int
    message: str
    do: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The schema of an operator, with its namespace, and the line it stands in."""

    name: OperatorName
    schema: str
    line: int


@dataclass(frozen=True, slots=True)
class OwnKernel:
    """A kernel: `function` is an expression of C++, `block` the line of the macro around it."""

    name: OperatorName
    key: str
    function: str
    line: int
    block: int


@dataclass(frozen=True, slots=True)
class Registrations:
    """All that a file registers. `blocks` are the lines of its macros, `includes` as written."""

    definitions: tuple[Definition, ...]
    kernels: tuple[OwnKernel, ...]
    blocks: tuple[int, ...]
    includes: tuple[str, ...]
    faults: tuple[Fault, ...]


def parse_registrations(text: str) -> Registrations:
    """Read a file; what cannot be had in a runtime is among the faults."""
    tokens = read_tokens(text)
    reading = _Reading(tokens)
    reading.run()
    includes = [it for it in tokens if it.kind is Lexeme.INCLUDE]
    faults = (*reading.faults, *(fault for it in includes for fault in _of_python(it)))
    return Registrations(
        tuple(reading.definitions),
        tuple(reading.kernels),
        tuple(reading.blocks),
        tuple(it.value for it in includes),
        tuple(sorted(faults, key=lambda it: it.line)),
    )


def _of_python(include: Token) -> Iterator[Fault]:
    name = include.value[1:-1]
    if name.startswith(_PYTHON):
        yield Fault(include.line, f"{include.value} needs Python, which no runtime has", _INSTEAD)
    elif name in _FRONTEND:
        what = "is of the C++ frontend, which no runtime has"
        yield Fault(include.line, f"{include.value} {what}", _INSTEAD)


@dataclass(frozen=True, slots=True)
class _Block:
    """One macro with its braces: the namespace, the key, and what the library is called."""

    namespace: str
    key: str
    variable: str
    line: int
    body: Sequence[Token]


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a method of the library, with the tokens of each argument."""

    method: str
    line: int
    arguments: tuple[Sequence[Token], ...]


class _Reading:
    """The state of reading one file."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self.definitions: list[Definition] = []
        self.kernels: list[OwnKernel] = []
        self.blocks: list[int] = []
        self.faults: list[Fault] = []

    def run(self) -> None:
        for block in _blocks(self._tokens):
            self.blocks.append(block.line)
            for call in _calls(block):
                self._read(block, call)
        for token in self._tokens:
            if token.text == "RegisterOperators":
                do = "write TORCH_LIBRARY(namespace, m) { … }"
                self._fault(token.line, "torch::RegisterOperators is the old way to register", do)

    def _read(self, block: _Block, call: _Call) -> None:
        readers: dict[str, Callable[[_Block, _Call], None]] = {
            "def": self._define,
            "impl": self._implement,
            "class_": self._refuse_class,
        }
        reader = readers.get(call.method)
        if reader is not None and call.arguments:
            reader(block, call)

    def _define(self, block: _Block, call: _Call) -> None:
        text = _literal(call.arguments[0])
        if not text:
            self._fault(call.line, "m.def takes a schema that is no string literal", _WRITE_SCHEMA)
            return
        function = next((it for it in call.arguments[1:] if not _is_tag(it)), None)
        written, parenthesis, rest = text.partition("(")
        name = self._name(block, call, written.strip())
        if name is None:
            return
        if not parenthesis:
            what = f"{name} is defined without a schema, which only a running torch can infer"
            self._fault(call.line, what, _WRITE_SCHEMA)
            return
        self.definitions.append(Definition(name, f"{name}({rest.rstrip()}", call.line))
        if function is not None:
            self._kernel(block, call.line, block.key, name, function)

    def _implement(self, block: _Block, call: _Call) -> None:
        written = _literal(call.arguments[0])
        if not written or len(call.arguments) == 1:
            do = 'write m.impl("name", function)'
            self._fault(call.line, "m.impl takes a name that is no string literal", do)
            return
        name = self._name(block, call, written.strip())
        if name is not None:
            _, *keys, function = call.arguments
            key = _key(keys[0]) if keys else block.key
            self._kernel(block, call.line, key, name, function)

    def _refuse_class(self, block: _Block, call: _Call) -> None:
        name = _literal(call.arguments[0]) or "…"
        self._fault(
            call.line,
            f"the class {block.namespace}.{name} cannot be in a runtime: operators can",
            "give its state as tensors and numbers to an operator",
        )

    def _kernel(
        self, block: _Block, line: int, key: str, name: OperatorName, function: Sequence[Token]
    ) -> None:
        key, function = _unwrapped(key, function)
        text = joined(function)
        if "CppFunction" in text:
            if "makeFallthrough" not in text:
                do = "register the C++ function itself: its arguments are taken off the stack"
                self._fault(line, f"{name} has a kernel that takes the stack", do)
        elif key in KEYS:
            self.kernels.append(OwnKernel(name, key, text, line, block.line))

    def _name(self, block: _Block, call: _Call, written: str) -> OperatorName | None:
        whole = written if "::" in written else f"{block.namespace}::{written}"
        try:
            name = OperatorName.parse(whole)
        except ValueError:
            do = "write it like area or area.scaled, before the parenthesis"
            self._fault(call.line, f"{whole!r} is no name of an operator", do)
            return None
        if block.namespace not in {name.namespace, "_"}:
            what = f"{name} stands in a block of the namespace {block.namespace}"
            self._fault(call.line, what, f"move it to TORCH_LIBRARY_FRAGMENT({name.namespace}, m)")
            return None
        return name

    def _fault(self, line: int, message: str, do: str) -> None:
        self.faults.append(Fault(line, message, do))


def _blocks(tokens: Sequence[Token]) -> Iterator[_Block]:
    for at, token in enumerate(tokens):
        count = _BLOCKS.get(token.text) if token.kind is Lexeme.WORD else None
        if count is None or not _is(tokens, at + 1, "("):
            continue
        end = _closing(tokens, at + 1)
        words = [joined(it) for it in _split(tokens[at + 2 : end])]
        if len(words) != count or not _is(tokens, end + 1, "{"):
            continue
        body = tokens[end + 2 : _closing(tokens, end + 1)]
        key = words[1] if token.text == "TORCH_LIBRARY_IMPL" else "CatchAll"
        yield _Block(words[0], key, words[-1], tokens[end].line, body)


def _calls(block: _Block) -> Iterator[_Call]:
    """Yield the calls of methods of the library, those that follow each other in a chain too."""
    tokens = block.body
    for at, token in enumerate(tokens):
        if token.text != block.variable or (at and tokens[at - 1].text in (".", "->", "::")):
            continue
        while _is(tokens, at + 1, ".") and (opening := _arguments_of(tokens, at + 2)) is not None:
            end = _closing(tokens, opening)
            arguments = tuple(_split(tokens[opening + 1 : end]))
            yield _Call(tokens[at + 2].text, tokens[at + 2].line, arguments)
            if tokens[at + 2].text == "class_":
                break  # what follows are methods of the class
            at = end  # noqa: PLW2901  the chain goes on there


def _arguments_of(tokens: Sequence[Token], method: int) -> int | None:
    """Return where the arguments of a method begin, after those of a template if it has some."""
    at = method + 1
    if _is(tokens, at, "<"):
        while at < len(tokens) and tokens[at].text not in ("(", ";"):
            at += 1
    return at if _is(tokens, at, "(") else None


def _is(tokens: Sequence[Token], at: int, text: str) -> bool:
    return at < len(tokens) and tokens[at].text == text


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """Return where the bracket closes that opens there; the end of what is not closed."""
    depth = 0
    for at in range(opening, len(tokens)):
        text = tokens[at].text
        depth += (text in _CLOSING) - (text in _OPENING)
        if depth == 0:
            return at
    return len(tokens) - 1


def _split(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the arguments of a call; commas inside of brackets do not part them."""
    start, depth = 0, 0
    for at, token in enumerate(tokens):
        depth += (token.text in _CLOSING) - (token.text in _OPENING)
        if token.text == "," and depth == 0:
            yield tokens[start:at]
            start = at + 1
    if start < len(tokens):
        yield tokens[start:]


def _literal(tokens: Sequence[Token]) -> str:
    """Return the string that an argument is, whatever macro or call is around it."""
    return "".join(it.value for it in tokens if it.kind is Lexeme.STRING)


def _is_tag(tokens: Sequence[Token]) -> bool:
    words = {it.text for it in tokens}
    return bool(words & {"Tag", "tags"}) and "(" not in words


def _key(tokens: Sequence[Token]) -> str:
    """Return the dispatch key that an argument names: `c10::DispatchKey::CPU`, `torch::kCPU`."""
    words = [it.text for it in tokens if it.kind is Lexeme.WORD]
    return words[-1].removeprefix("k") if words else ""


def _unwrapped(key: str, function: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """Return the function inside of `TORCH_FN(…)` and `torch::dispatch(key, …)`, and its key."""
    names = [it.text for it in function]
    if "(" not in names or names[-1:] != [")"]:
        return key, function
    opening = names.index("(")
    if _closing(function, opening) != len(function) - 1:
        return key, function
    arguments = tuple(_split(function[opening + 1 : -1]))
    match names[:opening]:
        case ["TORCH_FN"] if len(arguments) == 1:
            return key, arguments[0]
        case [*_, "dispatch"] if len(arguments) == 2:  # noqa: PLR2004  the key and the function
            return _unwrapped(_key(arguments[0]) or key, arguments[1])
        case _:
            return key, function
