"""Run the source's own torchgen, once per source: nothing it writes depends on the selection."""

import hashlib
import json
import lzma
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from builder.foundation.cache import note_use
from builder.foundation.files import OnWait, locked, new_directory, write_atomic
from builder.foundation.process import Command, CommandError, Host
from builder.foundation.resources import DATA
from builder.libtorch.catalogue import (
    PROMOTED,
    Catalogue,
    OperatorEntry,
    make_catalogue,
    parse_operators_header,
    parse_promoted,
    parse_registrar,
    parse_unasked,
    with_kernels,
    with_newer,
)
from builder.libtorch.kernels import KERNEL_FILES, SCHEMA_FILES, find_kernels, own_kernels
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import GeneratedTree, Profile, SourceTree

_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_CONSTANT: Final = re.compile(r"\b(aten|attr)::(\w+)")
_INTERNED: Final = re.compile(r"_\((aten|attr), (\w+)\)")
_SEVERAL_BACKENDS: Final = Path(__file__).with_name("static_dispatch.py")
_DISPATCH_HEADER: Final = re.compile(r"#include <ATen/ops/(\w+_dispatch\.h)>")
_TREE_REVISION: Final = 3  # of how the tree is generated
_REVISION: Final = 6  # of the catalogue
REGISTRARS: Final = (
    "torch/csrc/jit/runtime/register_prim_ops.cpp",
    "torch/csrc/jit/runtime/register_special_ops.cpp",
)
"""Files of the tree that register operators, filtered by an allow-list, with the interpreter."""

_NOTHING_SELECTED: Final = """\
include_all_operators: false
include_all_non_op_selectives: false
operators: {}
kernel_metadata: {}
custom_classes: []
build_features: []
"""
_AUTOGRAD_HEADERS: Final = """\
import sys
from tools.autograd.gen_variable_factories import gen_variable_factories
gen_variable_factories(sys.argv[1], "aten/src/ATen/native/native_functions.yaml",
                       "aten/src/ATen/native/tags.yaml", "tools/autograd/templates")
"""


def generate_tree(
    source: SourceTree, profile: Profile, host: Host, on_wait: OnWait | None = None
) -> GeneratedTree:
    """Return the generated ATen tree of a source, from the cache when it is there.

    torchgen gets an empty selection *and* static dispatch: it writes every operator function and
    every `at::_ops::X::call` as a direct call, and registers none. Raises `CompileError`.
    """
    digest = hashlib.sha256(
        json.dumps([_TREE_REVISION, source.digest, list(profile.backends)]).encode()
    ).hexdigest()
    root = host.cache / "generated" / digest[:16]
    note_use(host.cache, root)
    if not root.is_dir():  # it appears as a whole: who finds it need not wait
        doing = f"generating operator code of PyTorch {source.version}"
        with locked(root.with_suffix(".lock"), doing=doing, on_wait=on_wait):
            if not root.is_dir():
                with new_directory(root) as scratch:
                    _run_torchgen(source, profile, host, scratch)
    return GeneratedTree(root, digest)


def _run_torchgen(source: SourceTree, profile: Profile, host: Host, scratch: Path) -> None:
    tree = source.root("pytorch")
    log = host.cache / "logs" / "codegen.log"
    nothing = scratch / "nothing-selected.yaml"
    write_atomic(nothing, _NOTHING_SELECTED)
    autograd = scratch / "torch/csrc/autograd/generated"
    autograd.mkdir(parents=True)
    env = host.child_env(PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(tree))
    for argv in (
        (
            *(("-m", "torchgen.gen") if len(profile.backends) == 1 else (str(_SEVERAL_BACKENDS),)),
            "--source-path", "aten/src/ATen",
            "--install_dir", str(scratch / "ATen"),
            "--per-operator-headers",
            "--backend_whitelist", *dict.fromkeys(("CPU", "QuantizedCPU", *profile.backends)),
            "--op_selection_yaml_path", str(nothing),
            "--static_dispatch_backend", *profile.backends,
        ),
        ("-c", _AUTOGRAD_HEADERS, str(autograd)),
    ):  # fmt: skip
        try:
            host.runner.run(Command((sys.executable, *argv), tree, env), log=log)
        except CommandError as error:
            raise CompileError(f"code generation failed\n{error}", hint=error.hint) from error
    _trim_interned_strings(scratch, tree)
    _complete_headers(scratch / "ATen" / "ops")


def _complete_headers(ops: Path) -> None:
    """Write the headers that torchgen includes but does not make, of structured operators.

    It takes for granted that these have kernels for all backends of the static dispatch (PyTorch
    2.6, torchgen/gen.py, get_static_dispatch_backend); no call goes to those they do not have.
    """
    included = {
        name
        for path in ops.glob("*.h")
        for name in _DISPATCH_HEADER.findall(path.read_text(encoding="utf-8"))
    }
    for name in sorted(included):
        if not (ops / name).exists():
            write_atomic(ops / name, "#pragma once\n")


def _trim_interned_strings(scratch: Path, tree: Path) -> None:
    """Drop from the table of interned names those that no C++ mentions.

    torchgen lists every operator and argument name; all would be constants with strings and
    relocations in the library (250 KB). A name that is not in the table is interned when it is
    first looked up, so nothing but the constants `aten::x` and `attr::x` needs to be there.
    """
    used: set[tuple[str, str]] = set()
    for folder in ("aten/src/ATen", "c10", "torch/csrc"):
        for path in (tree / folder).rglob("*"):
            if path.suffix in (".h", ".cpp"):
                code = _STRING.sub('""', path.read_text(encoding="utf-8", errors="replace"))
                used.update(_CONSTANT.findall(code))
    header = scratch / "ATen" / "core" / "aten_interned_strings.h"
    kept = [
        line
        for line in header.read_text().splitlines(keepends=True)
        if (entry := _INTERNED.match(line)) is None or (entry[1], entry[2]) in used
    ]
    write_atomic(header, "".join(kept))


def read_catalogue(
    source: SourceTree,
    generated: GeneratedTree,
    preprocess: Callable[[str], str],
    host: Host,
) -> Catalogue:
    """Return all operators of a source: shipped with us, from the cache, or read from the tree.

    `preprocess` expands the macros of a file of the tree, given as `pytorch:path`; it is called for
    unknown sources only.
    """
    name = f"operators-{_catalogue_key(source)[:12]}.json.xz"
    kept = host.cache / "catalogues" / name
    for path in (DATA / source.version / name, kept):
        if (known := _read_kept(path)) is not None:
            return _completed(known, source.version)
    texts = {it: preprocess(f"pytorch:{it}") for it in REGISTRARS}
    catalogue = make_catalogue(
        _entries(source, generated, texts),
        {it: parse_unasked(text) for it, text in texts.items()},
    )
    write_atomic(kept, lzma.compress(catalogue.to_json().encode()))
    return _completed(catalogue, source.version)


@cache  # some thousand rows, and never others
def pinned_catalogue(version: str) -> Catalogue:
    """Return the operators of the pinned source of a release, which need not be at hand for it."""
    (path,) = (DATA / version).glob("operators-*.json.xz")
    known = Catalogue.from_json(lzma.decompress(path.read_bytes()).decode())
    return _completed(known, version)


def _completed(catalogue: Catalogue, version: str) -> Catalogue:
    """Return a catalogue of the tree with what the tree does not say."""
    return with_newer(with_kernels(catalogue, own_kernels()), _newer(version))


def _newer(version: str) -> list[str]:
    """Return the schemas of later releases that models for a release may be written for."""
    path = DATA / version / "newer.toml"
    if not path.is_file():  # a release of the user's own
        return []
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [str(schema) for schema in table["operators"]]


def _read_kept(path: Path) -> Catalogue | None:
    """Return a catalogue that was written before, or None when there is none that can be read."""
    try:
        return Catalogue.from_json(lzma.decompress(path.read_bytes()).decode())
    except (FileNotFoundError, lzma.LZMAError, EOFError, ValueError):
        return None


def _catalogue_key(source: SourceTree) -> str:
    """Return the SHA-256 of the files that decide which operators there are, whatever provider."""
    digest = hashlib.sha256(str(_REVISION).encode())
    tree = source.root("pytorch")
    kernels = sorted(path for pattern in KERNEL_FILES for path in tree.glob(pattern))
    names = ("aten/src/ATen/native/native_functions.yaml", PROMOTED, *REGISTRARS, *SCHEMA_FILES)
    for path in (*(tree / name for name in names), *kernels):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _entries(
    source: SourceTree, generated: GeneratedTree, registrars: Mapping[str, str]
) -> Iterator[OperatorEntry]:
    yield from parse_promoted((source.root("pytorch") / PROMOTED).read_text())
    for path in sorted((generated.root / "ATen" / "ops").glob("*_ops.h")):
        yield from parse_operators_header(path.read_text(), path.name.removesuffix("_ops.h"))
    tree = source.root("pytorch")
    for registrar, preprocessed in registrars.items():
        yield from parse_registrar(preprocessed, registrar)
    texts = [(tree / name).read_text() for name in SCHEMA_FILES]
    schemas = {entry.name: entry.schema for text in texts for entry in parse_registrar(text, "")}
    for file, blocks in find_kernels(tree).items():
        for kernel in (kernel for block in blocks for kernel in block.kernels):
            if schema := schemas.get(kernel.name):
                yield OperatorEntry(kernel.name, schema, kernel=kernel.symbol, source=file)
