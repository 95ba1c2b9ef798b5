"""Trace a lite model in desktop torch: `python -m …reference.recorder MODEL SPEC TRACE`.

SPEC is that of `builder.models.reference`. Writes what `builder.models.tracing` reads: the
operators the bytecode called, those that ran below them, and their dtypes. The last line of stderr
says what went wrong; exit 2 for wrong inputs, 3 for a model that does not run, 4 for a run too long
to record.

Note [Which interpreter is traced]: it is the lite one, with the model that ships. It runs the
bytecode as the runtime does, while TorchScript would first inline, fuse and fold. For each
instruction that calls an operator it tells the profiler, before the dispatcher does so for the
operator itself and for all that its kernel calls. torch's execution trace keeps that nesting,
schemas and dtypes, and C++ kernels cannot call each other unseen as they can with a Python mode.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from builder.extensions.learning import learn_operators
from builder.models.prepacked.loading import load_lite
from builder.models.reference.inputs import SEED, make_cases, told
from builder.models.reference.surroundings import work_as_on_a_device
from builder.vocabulary.dtypes import DTYPES

_LITE_SCOPE: Final = 6  # at::RecordScope::LITE_INTERPRETER
_LARGEST: Final = 512 << 20  # bytes of torch's own trace, about a kilobyte for each call
_MOST_STACKS: Final = 50  # of one operator without a schema; the rest is counted as one, empty
_SCALAR_TYPES: Final = {cpp: it.name for it in DTYPES for cpp in it.cpp}
"""C++ types of elements, as compilers spell them, and ATen's names for them."""


@dataclass(slots=True)
class _Seen:
    count: int = 0
    dtypes: set[str] = field(default_factory=set)
    below: set[str] = field(default_factory=set)
    stacks: dict[tuple[str, ...], int] = field(default_factory=dict)


class _Summary:
    """What the nodes of a trace amount to, added up over all cases."""

    def __init__(self) -> None:
        self.called: dict[str, _Seen] = {}
        self.nested: dict[str, _Seen] = {}
        self.made: dict[str, dict[str, str]] = {}
        self._unknown: dict[str, _Seen] = {}

    def add(self, nodes: list[dict[str, Any]]) -> None:
        """Add one case."""
        known = {node["id"]: node for node in nodes}
        names = self._call(nodes, known)
        for node in sorted(nodes, key=lambda it: int(it["id"])):  # in the order they began
            name = _schema_name(node)
            if not name:
                continue
            taken, given = _dtypes(node, "inputs"), _dtypes(node, "outputs")
            caller = names.get(_caller(node, known), "")
            is_call = node["id"] in names
            seen = (self.called if is_call else self.nested).setdefault(name, _Seen())
            seen.dtypes |= taken | given
            if not is_call:
                seen.count += 1
                seen.below |= {caller} if caller else set()
            for dtype in sorted((taken | given) - self.made.keys()):
                by = {"operator": name, "below": "" if is_call else caller}
                self.made[dtype] = {"operator": "", "below": ""} if dtype in taken else by

    def _call(self, nodes: list[dict[str, Any]], known: dict[int, Any]) -> dict[int, str]:
        """Count what bytecode called; return the nodes that are such calls, with their names."""
        names: dict[int, str] = {}
        own: dict[int, dict[str, Any]] = {}
        for node in nodes:
            parent = known.get(node["ctrl_deps"])
            if parent is not None and _is_instruction(parent) and node["name"] == parent["name"]:
                own.setdefault(parent["id"], node)
        for node in filter(_is_instruction, nodes):
            if (itself := own.get(node["id"])) is not None and (name := _schema_name(itself)):
                self.called.setdefault(name, _Seen()).count += 1
                names[itself["id"]] = names[node["id"]] = name
                continue
            seen = self._unknown.setdefault(node["name"], _Seen())
            stack = tuple(map(_short, node["inputs"]["types"]))
            if stack not in seen.stacks and len(seen.stacks) >= _MOST_STACKS:
                stack = ()
            seen.stacks[stack] = seen.stacks.get(stack, 0) + 1
            names[node["id"]] = node["name"]
        return names

    def document(self, cases: int) -> dict[str, object]:
        """Return what the parent process reads."""
        return {
            "version": 1,
            "torch": str(torch.__version__),
            "cases": cases,
            "called": [
                {"name": name, "count": it.count, "dtypes": sorted(it.dtypes)}
                for name, it in sorted(self.called.items())
            ],
            "without_schema": [
                {"name": name, "count": count, "stack": list(stack)}
                for name, it in sorted(self._unknown.items())
                for stack, count in sorted(it.stacks.items())
            ],
            "nested": [
                {
                    "name": name, "count": it.count, "below": sorted(it.below),
                    "dtypes": sorted(it.dtypes),
                }
                for name, it in sorted(self.nested.items())
            ],
            "dtypes": [{"dtype": dtype, **by} for dtype, by in sorted(self.made.items())],
        }  # fmt: skip


def _attributes(node: dict[str, Any]) -> dict[str, Any]:
    return {it["name"]: it["value"] for it in node["attrs"]}


def _is_instruction(node: dict[str, Any]) -> bool:
    return bool(_attributes(node).get("scope") == _LITE_SCOPE)


def _schema_name(node: dict[str, Any]) -> str:
    """Return `aten::add.Tensor` of a call through the dispatcher, otherwise an empty text."""
    schema = _attributes(node).get("op_schema")
    return schema.partition("(")[0] if isinstance(schema, str) else ""


def _caller(node: dict[str, Any], known: dict[int, Any]) -> int:
    """Return the id of the instruction a node runs below, -1 if there is none."""
    while (parent := known.get(node["ctrl_deps"])) is not None and parent is not node:
        if _is_instruction(parent):
            return int(parent["id"])
        node = parent
    return -1


def _dtypes(node: dict[str, Any], side: str) -> set[str]:
    found: set[str] = set()
    for text in node[side]["types"]:
        for part in _tensors(text):
            # an undefined tensor has the dtype `nullptr (uninitialized)`, which is none
            if part in _SCALAR_TYPES:
                found.add(_SCALAR_TYPES[part])
    return found


def _short(text: str) -> str:
    """Shorten `GenericList[Int,Int,Int]` to `GenericList[Int]`: one of each kind of element."""
    head, bracket, rest = text.partition("[")
    if head != "GenericList" or not bracket:
        return head
    kinds: set[str] = set()
    depth, start = 0, 0
    for position, letter in enumerate(rest):
        if depth == 0 and letter in ",]":
            kinds.add(rest[start:position].partition("[")[0])
            start = position + 1
        depth += (letter in "[(<") - (letter in "])>")
    return f"GenericList[{','.join(sorted(kinds - {''}))}]"


def _tensors(text: str) -> Iterator[str]:
    """Yield the element types in `GenericList[Tensor(float),Tensor(long int)]`."""
    for piece in text.split("Tensor(")[1:]:
        yield piece.partition(")")[0]


def _record(model: Any, case: tuple[Any, ...], raw: Path) -> None:  # noqa: ANN401  a LiteScriptModule
    observer = torch.profiler.ExecutionTraceObserver()
    observer.register_callback(str(raw))
    observer.start()
    try:
        with torch.inference_mode():
            model(*case)
    finally:
        observer.stop()
        observer.unregister_callback()


def main(argv: list[str]) -> int:
    """Trace the model of the command line; return the exit code."""
    work_as_on_a_device()
    path, spec, destination = argv[0], json.loads(argv[1]), Path(argv[2])
    summary = _Summary()
    try:
        learn_operators(spec)
        model = load_lite(path)
        cases = make_cases(spec, model)
    except Exception as error:  # noqa: BLE001  whatever torch raises becomes one line for the parent
        sys.stderr.write(f"{told(error)}\n")
        return 2
    for case in cases:
        torch.manual_seed(SEED)
        with tempfile.TemporaryDirectory(prefix="build-runtime-") as folder:
            raw = Path(folder) / "trace.json"
            try:
                _record(model, case, raw)
            except Exception as error:  # noqa: BLE001  see above
                sys.stderr.write(f"{told(error)}\n")
                return 3
            if raw.stat().st_size > _LARGEST:
                sys.stderr.write(f"its trace takes more than {_LARGEST >> 20} MB\n")
                return 4
            # strings of the model are in there, in whatever encoding
            nodes = json.loads(raw.read_text(encoding="utf-8", errors="replace"), strict=False)
        summary.add(nodes["nodes"])
    destination.write_text(json.dumps(summary.document(len(cases))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
