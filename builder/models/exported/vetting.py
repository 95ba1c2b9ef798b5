"""Checks of a `.pt2` before torch sees it: its reader runs code that a file asks for.

It unpickles (samples, subclasses of tensors, objects), loads compiled libraries, evaluates sizes,
follows the names of operators through its own modules, imports the modules that structures name,
and writes Python from names and guards (`torch/export/pt2_archive/_package.py`,
`torch/_export/serde/serialize.py`, `torch/fx/graph.py`). What is left here can do none of it.
"""

import io
import json
import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Final

from builder.models.exported.expressions import check_guard, check_size
from builder.models.exported.problems import Problem
from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.pickle_values import Global, torchscript_global
from builder.models.formats.pickles import read_pickle

MAX_PROGRAM: Final = 64 << 20  # bytes of JSON
MAX_PICKLED: Final = 256 << 20  # bytes of an archive inside the archive
_MAX_DEPTH: Final = 200

_PROGRAM: Final = "models/model.json"
_OLD_PROGRAM: Final = "serialized_exported_program.json"
_OLD_PICKLES: Final = frozenset({"serialized_state_dict.json", "serialized_constants.json"})
"""Pickles, for all their names."""
_PAYLOAD: Final = re.compile(r"(?:weight|tensor)_[0-9]+")
_CONFIGS: Final = (
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
)
_COMPILED: Final = "data/aotinductor/"
_MODELS: Final = "models/"
_EXTRA: Final = frozenset({"extra", "extra_files"})

_IDENTIFIER: Final = re.compile(r"(?:[^\W\d]\w*)?")
_PLAIN: Final = re.compile(r"[\w.:/+<>=$ -]*")
_OPERATOR: Final = re.compile(
    r"torch\.ops\.((?!_)\w+)\.((?!__)\w+|__i?(?:and|or|xor|lshift|rshift)__)(?:\.((?!_)\w+))?",
    re.ASCII,
)
_ARITHMETIC: Final = re.compile(
    r"_operator\.(?:add|sub|mul|truediv|floordiv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|xor"
    r"|not_|lshift|rshift|getitem)|math\.(?:trunc|ceil|floor|sqrt)"
    r"|torch\.(?:sym_(?:not|int|float|ite|max|min|sum|sqrt)|_sym_sqrt)"
)
_NAMESPACES: Final = frozenset({"aten", "prim", "prims", "higher_order", "quantized"})
HIGHER_ORDER: Final = frozenset(
    {"cond", "while_loop", "wrap_with_set_grad_enabled", "wrap_with_autocast"}
)
"""The operators that take graphs and that TorchScript has a way to say."""

_PLAIN_TENSORS: Final = frozenset({
    Global("torch._utils", "_rebuild_parameter"), Global("torch._tensor", "_rebuild_from_type_v2"),
    Global("torch", "Tensor"), Global("torch.nn.parameter", "Parameter"),
    Global("__builtin__", "set"), Global("builtins", "set"),
})  # fmt: skip
"""What torch.save names besides, for tensors that export has put notes on. None runs anything."""

_STRUCTURES: Final = frozenset({
    "builtins.tuple", "builtins.list", "builtins.dict", "collections.namedtuple",
    "collections.OrderedDict",
})  # fmt: skip


def vet(archive: Archive, own: Container[str] = frozenset()) -> tuple[Problem, ...]:
    """Check all that torch's reader would believe; return why the program cannot be written.

    `own` are operators of the user's own that torch is told of, as `shop::tax` for all overloads.
    Raise `MalformedError` for what is damaged, or would make torch run something.
    """
    archive.check_contents()
    if any(name.startswith(_COMPILED) for name in archive.records):
        raise MalformedError(
            "it is a package of AOTInductor: compiled for one machine, without the program",
            hint="save the program itself: torch.export.save(program, 'model.pt2')",
        )
    _check_payloads(archive)
    for record in archive.records:
        if record.endswith(".pt") or record in _OLD_PICKLES:
            _check_pickled(archive, record)
    program = _json(archive, _program_of(archive))
    _Walk().run(program)
    return tuple(_problems(program, own))


def _program_of(archive: Archive) -> str:
    """Return the record of the program; with a second one, torch might read the other."""
    found = [it for it in archive.records if it.startswith(_MODELS) or it == _OLD_PROGRAM]
    if len(found) != 1 or found[0] not in {_PROGRAM, _OLD_PROGRAM}:
        raise MalformedError(
            f"it holds {', '.join(map(shown, sorted(found)[:3])) or 'no program'},"
            " where one program named 'model' is expected",
            hint="save one program a file: torch.export.save(program, 'model.pt2')",
        )
    return found[0]


def extra_files(archive: Archive) -> tuple[str, ...]:
    """Return the names of the files that ride along."""
    pairs = (name.partition("/") for name in archive.records)
    return tuple(sorted(name for folder, _, name in pairs if folder in _EXTRA and name))


def _json(archive: Archive, name: str) -> Any:  # noqa: ANN401  JSON of a stranger
    try:
        return json.loads(archive.read(name, limit=MAX_PROGRAM))
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{shown(name)} is no JSON") from error


def _check_payloads(archive: Archive) -> None:
    """Refuse what torch would unpickle without limits: objects, and subclasses of tensors."""
    for config in _CONFIGS:
        if config not in archive.records:
            continue
        found = _json(archive, config)
        _Walk().run(found)
        items = found.get("config") if isinstance(found, dict) else None
        if not isinstance(items, dict):
            raise MalformedError(f"{shown(config)} is not what torch writes")
        for name, it in items.items():
            if not _is_plain_tensor(it):
                raise MalformedError(
                    f"'{shown(name)}' is an object of a Python or C++ class, not a plain tensor",
                    hint="only tensors can be stored in a lite model: keep the object out of the"
                    " module that is exported",
                )


def _is_plain_tensor(payload: object) -> bool:
    """Tell whether a payload is bytes of a tensor; by the name of a file, torch unpickles it."""
    match payload:
        case {"use_pickle": False, "path_name": str(name)}:
            return bool(_PAYLOAD.fullmatch(name))
        case _:
            return False


def _check_pickled(archive: Archive, name: str) -> None:
    """Raise `MalformedError` unless a record is what torch.save writes of plain tensors."""
    data = archive.read(name, limit=MAX_PICKLED)
    if not data:
        return
    try:
        inner = Archive(archive.path, io.BytesIO(data))
        inner.check_contents()
        read_pickle(inner.read("data.pkl", limit=MAX_PROGRAM), allowed=_stored)
    except MalformedError as fault:
        raise MalformedError(
            f"{shown(name)}: {fault}",
            hint="export the program with tensors, numbers, lists, tuples and dictionaries alone",
        ) from fault


def _stored(found: Global) -> bool:
    return torchscript_global(found) or found in _PLAIN_TENSORS


class _Walk:
    """A walk through JSON in which each text has the form that is harmless at its place."""

    def run(self, document: object) -> None:
        waiting: list[tuple[str, object, int]] = [("", document, 0)]
        while waiting:
            key, value, depth = waiting.pop()
            if depth > _MAX_DEPTH:
                raise MalformedError(f"the program nests deeper than {_MAX_DEPTH} levels")
            if isinstance(value, str):
                _RULES.get(key, _check_plain)(value)
            elif isinstance(value, dict):
                self._enter(key, value)
                if key != "metadata":
                    waiting += ((name, it, depth + 1) for name, it in value.items())
            elif isinstance(value, list):
                waiting += ((key, it, depth + 1) for it in value)

    def _enter(self, key: str, value: Mapping[str, object]) -> None:
        check = check_size if key == "range_constraints" else _check_plain
        for name in value:
            check(name)
        match key, value:
            case "device" | "as_device", {"type": kind}:
                _check_device(str(kind))
            case "metadata", _:
                _check_metadata(value)
            case "constant_input", {"value": {"as_string": str(text)}}:
                _check_plain(text)  # torch puts it into a guard, which is code
            case _:
                pass


def _check_plain(text: str) -> None:
    if not _PLAIN.fullmatch(text):
        raise _odd("text", text)


def _check_name(text: str) -> None:
    if not _IDENTIFIER.fullmatch(text):
        raise _odd("name", text)


def _check_target(text: str) -> None:
    if not _OPERATOR.fullmatch(text) and not _ARITHMETIC.fullmatch(text):
        raise _odd("call", text)


def _check_device(kind: str) -> None:
    if kind != "cpu":
        raise MalformedError(
            f"it was exported for the device '{shown(kind)}', a runtime has the CPU alone",
            hint="move it before it is saved:"
            " torch.export.passes.move_to_device_pass(program, 'cpu')",
        )


def _check_metadata(value: Mapping[str, object]) -> None:
    """Torch writes some of it into comments of the code it makes; a comment ends with its line."""
    for text in value.values():
        if isinstance(text, str) and any(ord(it) < ord(" ") and it not in "\n\t" for it in text):
            raise _odd("comment", text)


def _check_structure(text: str) -> None:
    """Check how inputs or outputs nest: torch imports what other structures name."""
    for node in _structures(text):
        kind, context = node.get("type"), node.get("context")
        if kind is not None and kind not in _STRUCTURES:
            raise MalformedError(
                f"its inputs or outputs hold a '{shown(str(kind))}', which no runtime has",
                hint="take and return tensors, numbers, lists, tuples and dictionaries",
            )
        if isinstance(context, dict | list) or "__enum__" in str(context):
            raise _odd("structure", str(context))
        if isinstance(context, str):
            _Walk().run(_loaded(context))


def _structures(text: str) -> Iterator[Mapping[str, Any]]:
    match _loaded(text):
        case [1, dict(root)]:
            waiting = [root]
        case _:
            raise _odd("structure", text)
    while waiting:
        node = waiting.pop()
        yield node
        children = node.get("children_spec", [])
        if not isinstance(children, list) or not all(isinstance(it, dict) for it in children):
            raise _odd("structure", text)
        waiting += children


def _loaded(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _odd("structure", text) from error
    return found


def _free(_: str) -> None:
    """Accept a text that stays one: torch quotes it wherever it goes."""


_RULES: Final[Mapping[str, Callable[[str], None]]] = {
    "target": _check_target,
    "as_operator": _check_target,
    "name": _check_name,
    "as_name": _check_name,
    "forward_arg_names": _check_name,
    "expr_str": check_size,
    "guards_code": check_guard,
    "in_spec": _check_structure,
    "out_spec": _check_structure,
    "as_string": _free,
    "as_strings": _free,
    "torch_version": _free,
}
"""What a text may be, by the key it stands at; elsewhere letters, digits and a few signs."""


def _odd(what: str, text: str) -> MalformedError:
    return MalformedError(f"the program has a {what} that torch never writes: '{shown(text)}'")


def _problems(program: object, own: Container[str]) -> Iterator[Problem]:
    """Yield every operator that no runtime can have, in the order of the program."""
    for node in _nodes(program):
        found = _OPERATOR.fullmatch(str(node.get("target", "")))
        if found is None:
            continue
        space, name = found[1], found[2]
        if space not in _NAMESPACES and f"{space}::{name}" not in own:
            what = f"{space}::{name} is an operator of an extension, not of PyTorch"
        elif space == "higher_order" and name not in HIGHER_ORDER:
            what = f"the higher-order operator {name} has no counterpart in TorchScript"
        else:
            continue
        metadata = node.get("metadata")
        trace = metadata.get("stack_trace", "") if isinstance(metadata, dict) else ""
        yield Problem(what, _node_name(node), trace)


def _nodes(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield all nodes, those of graphs inside of nodes after them."""
    if isinstance(value, dict):
        if isinstance(value.get("target"), str):
            yield value
        for it in value.values():
            yield from _nodes(it)
    elif isinstance(value, list):
        for it in value:
            yield from _nodes(it)


def _node_name(node: Mapping[str, Any]) -> str:
    match node:
        case {"name": str(name)}:
            return name
        case {"outputs": [{"as_tensor": {"name": str(name)}}, *_]}:
            return name
        case _:
            return ""
