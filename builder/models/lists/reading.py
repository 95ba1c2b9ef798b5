"""Read a selection file: a plain list of names, or upstream's rich YAML; believe nothing.

Everything that is wrong with a file is told in one `UsageError`.

Note [Features of ours]: among `build_features`, `opcode.X`, `dtype.X`, `class.X`, `layer.X` and
`upgraders` are what `OperatorList` has besides upstream's keys. A file with any `opcode.X` knows
them all, and its layers.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from builder.models.lists.operator_list import ListedOperator, OperatorList
from builder.vocabulary.dtypes import BY_NAME
from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.operators import OperatorName

MAX_FILE: Final = 16 << 20  # bytes; a list of every operator there is has 300 KB

OPCODE: Final = "opcode."
DTYPE: Final = "dtype."
CLASS: Final = "class."
LAYER: Final = "layer."
UPGRADERS: Final = "upgraders"

_FLAGS: Final = ("include_all_operators", "include_all_non_op_selectives")
_NAMES: Final = ("debug_info", "custom_classes", "build_features")
_TABLES: Final = ("operators", "kernel_metadata", "et_kernel_metadata")
_KEYS: Final = (*_FLAGS, *_NAMES, *_TABLES)
_ENTRY_FLAGS: Final = ("is_root_operator", "is_used_for_training", "include_all_overloads")
_ENTRY_KEYS: Final = ("name", *_ENTRY_FLAGS, "debug_info")
_WORD: Final = re.compile(r"[\w.:]*[\w.]")
_SHOWN: Final = 60
_TOLD: Final = 40  # faults of one file
_HINT: Final = (
    "write names like `- aten::add.Tensor`, one a line, or the keys of PyTorch's"
    " selected_operators.yaml"
)


class _Loader(yaml.SafeLoader):
    """YAML without a key that stands twice: the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  upstream's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{_shown(key.value)} is there twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_list(path: Path) -> OperatorList:
    """Read a selection file; operators that name nobody are asked for by the file itself."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise UsageError(f"{path} is too large for an operator list", hint=_HINT)
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no operator list: it is not text", hint=_HINT) from error
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path of the list"
        ) from error
    return parse_list(text, path.name)


def parse_list(text: str, name: str) -> OperatorList:
    """Read the text of a selection file called `name`; raise `UsageError` with all its faults."""
    try:
        words = _words(text)
        document = words or yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise UsageError(f"{name} is no operator list: {_where(error)}", hint=_HINT) from error
    except (RecursionError, ValueError, TypeError) as error:  # of values no list has
        raise UsageError(f"{name} is no operator list", hint=_HINT) from error
    faults: list[str] = []
    match document:
        case list():
            found = _plain(document, name, faults)
        case dict():
            found = _rich(document, name, faults)
        case _:
            found = OperatorList()
            faults.append("it names no operators")
    if faults:
        rest = len(faults) - _TOLD
        told = [*faults[:_TOLD], *([f"and {rest} more"] if rest > 0 else [])]
        raise UsageError(f"{name} is no operator list:\n    " + "\n    ".join(told), hint=_HINT)
    return found


def _words(text: str) -> list[str]:
    """Return the words of a text that has one a line, comments aside; nothing if it is YAML."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    words = [line for line in lines if line]
    return words if all(_WORD.fullmatch(word) for word in words) else []


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def _shown(value: object) -> str:
    """Return a value of an untrusted file, safe and short enough to print."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    if not isinstance(value, str):
        return ascii(value)[:_SHOWN]
    cut = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return f"'{cut}'" if cut.isprintable() else ascii(cut)


def _operator(text: object, faults: list[str]) -> OperatorName | None:
    if isinstance(text, str):
        try:
            return OperatorName.parse(text)
        except ValueError:
            near = (
                f" (did you mean aten::{text}?)" if text.isprintable() and "::" not in text else ""
            )
            faults.append(f"{_shown(text)} is no operator name{near}")
    else:
        faults.append(f"an operator name must be text, not {_shown(text)}")
    return None


def _plain(items: list[Any], name: str, faults: list[str]) -> OperatorList:
    """Take exactly the overloads that are named, as `torch.jit.export_opnames` means them."""
    names = [_operator(item, faults) for item in items]
    return OperatorList(
        operators=tuple(
            ListedOperator(name=it, debug_info=frozenset({name})) for it in names if it is not None
        ),
        debug_info=frozenset({name}),
        instructions=None,
    )


def _rich(document: dict[Any, Any], name: str, faults: list[str]) -> OperatorList:
    _refuse_unknown(document, _KEYS, "key", faults)
    flags = {key: _flag(document, key, False, key, faults) for key in _FLAGS}  # noqa: FBT003
    names = {key: _names(document, key, key, faults) for key in _NAMES}
    features = names["build_features"]

    def ours(prefix: str) -> frozenset[str]:
        return frozenset(it.removeprefix(prefix) for it in features if it.startswith(prefix))

    kernels = _pairs(document, "kernel_metadata", faults)
    for what, found in (
        ("kernel_metadata", {dtype for _, dtype in kernels}),
        ("build_features", ours(DTYPE)),
    ):
        faults += [
            f"{what}: unknown dtype {_shown(it)}{did_you_mean(it, BY_NAME)}"
            for it in sorted(found - BY_NAME.keys())
        ]
    return OperatorList(
        operators=tuple(_entries(document, name, faults)),
        all_operators=flags["include_all_operators"],
        all_others=flags["include_all_non_op_selectives"],
        debug_info=names["debug_info"] or frozenset({name}),
        kernels=kernels,
        et_kernels=_pairs(document, "et_kernel_metadata", faults),
        classes=names["custom_classes"] | ours(CLASS),
        features=frozenset(
            it
            for it in features
            if it != UPGRADERS and not it.startswith((OPCODE, DTYPE, CLASS, LAYER))
        ),
        dtypes=ours(DTYPE),
        upgraders=UPGRADERS in features,
        instructions=ours(OPCODE) or None,
        layers=ours(LAYER),
    )


def _entries(document: dict[Any, Any], name: str, faults: list[str]) -> Iterator[ListedOperator]:
    for key, row in _table(document, "operators", faults).items():
        operator = _operator(key, faults)
        if operator is None:
            continue
        if not isinstance(row, dict):
            faults.append(f"{operator}: must have keys, `{operator}: {{}}` at least")
            continue
        of = f"{operator}: "
        _refuse_unknown(row, _ENTRY_KEYS, f"{of}key", faults)
        if row.get("name", key) != key:
            faults.append(f"{of}its name is given as {_shown(row['name'])}")
        # upstream's defaults, so that a file means here what it means there
        root, training, overloads = (
            _flag(row, flag, True, f"{of}{flag}", faults)  # noqa: FBT003
            for flag in _ENTRY_FLAGS
        )
        yield ListedOperator(
            name=operator,
            root=root,
            training=training,
            all_overloads=overloads,
            debug_info=_names(row, "debug_info", f"{of}debug_info", faults) or frozenset({name}),
        )


def _refuse_unknown(
    table: dict[Any, Any], known: tuple[str, ...], what: str, faults: list[str]
) -> None:
    faults += [
        f"unknown {what} {_shown(key)}{did_you_mean(key, known) if isinstance(key, str) else ''}"
        for key in table
        if key not in known
    ]


def _flag(table: dict[Any, Any], key: str, default: bool, of: str, faults: list[str]) -> bool:  # noqa: FBT001
    value = table.get(key, default)
    if not isinstance(value, bool):
        faults.append(f"{of} must be true or false, not {_shown(value)}")
        return default
    return value


def _names(table: dict[Any, Any], key: str, of: str, faults: list[str]) -> frozenset[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(_is_name(it) for it in value):
        faults.append(f"{of} must be a list of names")
        return frozenset()
    return frozenset(map(str, value))


def _is_name(value: object) -> bool:
    """Whether it is a text of one line; a version, such as 1, is written without quotes."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (isinstance(value, str) and value.isprintable() and bool(value))


def _table(document: dict[Any, Any], key: str, faults: list[str]) -> dict[Any, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        faults.append(f"{key} must be a table")
        return {}
    return value


def _pairs(document: dict[Any, Any], key: str, faults: list[str]) -> frozenset[tuple[str, str]]:
    table = _table(document, key, faults)
    check: Callable[[object], bool] = _is_name
    faults += [f"{key}: {_shown(tag)} is no name" for tag in table if not check(tag)]
    return frozenset(
        (str(tag), item)
        for tag in table
        if check(tag)
        for item in _names(table, tag, f"{key}: {tag}", faults)
    )
