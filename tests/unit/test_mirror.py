"""`tests/unit` mirrors `builder/`: each module has its test file, or the table names another."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.parsing import parsed
from tests.places import ROOT, TESTS

BUILDER: Final = ROOT / "builder"
UNIT: Final = TESTS / "unit"
MIRRORS: Final = (UNIT, TESTS / "native")
"""What needs real programs is mirrored in `native`."""

_SCRIPTED: Final = "unit/models/torchscript"

COVERED_BY: Final[Mapping[str, str]] = {
    "artifact/manifest": "unit/artifact/tar/test_packing.py",
    "artifact/reading": "unit/artifact/test_opening.py",
    "artifact/staging": "unit/artifact/tar/test_archive.py",
    "artifact/rendering": "unit/artifact/tar/test_packing.py",
    "artifact/size_reports": "unit/commands/test_answers.py",
    "artifact/android/aar": "unit/artifact/android/test_packing.py",
    "artifact/android/layout": "unit/artifact/android/test_packing.py",
    "artifact/android/unpacking": "unit/artifact/test_opening.py",
    "artifact/maven/gradle": "unit/artifact/maven/test_repository.py",
    "artifact/android/jars": "unit/artifact/android/test_packing.py",
    "artifact/tar/layout": "unit/artifact/tar/test_packing.py",
    "artifact/tar/unpacking": "unit/artifact/test_opening.py",
    "benching/peers/__main__": "torch/test_peers.py",
    "benching/peers/onnx_model": "torch/test_peers.py",
    "benching/peers/torch_model": "torch/test_peers.py",
    "commands/inspecting/conversion": "unit/commands/test_documents.py",
    "commands/inspecting/difference": "unit/commands/test_documents.py",
    "commands/inspecting/inspection": "unit/commands/test_answers.py",
    "commands/inspecting/inspection_text": "unit/commands/test_answers.py",
    "commands/inspecting/sizes": "unit/commands/test_answers.py",
    "commands/exchange": "unit/commands/test_documents.py",
    "commands/line/arguments": "unit/test_cli.py",
    "commands/line/artifacts": "unit/test_cli.py",
    "commands/line/builds": "unit/test_cli.py",
    "commands/line/command": "unit/test_cli.py",
    "commands/line/given": "unit/test_cli.py",
    "commands/line/machine": "unit/test_cli.py",
    "commands/line/models": "unit/test_cli.py",
    "commands/line/registry": "unit/test_cli.py",
    "commands/line/carrying": "unit/test_cli.py",
    "commands/keeping/packing": "native/mini_torch/test_packs.py",
    "pipeline/carrying/packs": "native/mini_torch/test_packs.py",
    "compilation/shared/packs/offers": "unit/compilation/shared/packs/test_reading.py",
    "compilation/shared/packs/writing": "unit/compilation/shared/packs/test_reading.py",
    "commands/line/session": "unit/commands/test_shown.py",
    "pipeline/choosing": "unit/pipeline/test_planning.py",
    "pipeline/packing/java_files": "e2e/test_java.py",
    "pipeline/packing/aars": "unit/pipeline/test_packing.py",
    "pipeline/packing/contents": "unit/pipeline/test_packing.py",
    "pipeline/packing/kinds": "unit/pipeline/test_packing.py",
    "pipeline/packing/tars": "unit/pipeline/test_packing.py",
    "libtorch/closure/tables": "unit/libtorch/closure/test_objects.py",
    "report/bloaty": "unit/report/test_formats.py",
    "report/markdown": "unit/report/test_formats.py",
    "report/page": "unit/report/test_formats.py",
    "report/attribution/charging": "unit/report/test_measure.py",
    "report/attribution/inputs": "unit/report/attribution/test_owners.py",
    "proof/executor": "unit/proof/test_execution.py",
    "proof/proving": "unit/pipeline/test_proving.py",
    "source/request": "unit/source/test_opening.py",
    "toolchains/java/making": "unit/toolchains/java/test_classes.py",
    "toolchains/ndk/provider": "unit/toolchains/ndk/test_tools.py",
    "toolchains/protocol": "unit/toolchains/test_table.py",
    "vocabulary/checks": "unit/proof/test_junit.py",
    "vocabulary/providers": "unit/source/test_opening.py",
    "__init__": "unit/test_cli.py",
    "__main__": "unit/commands/test_start.py",
    "commands/checking": "unit/commands/test_answers.py",
    "commands/locking": "unit/commands/test_documents.py",
    "commands/planning": "unit/commands/test_answers.py",
    "commands/results": "unit/test_cli.py",
    "compilation/output": "unit/compilation/test_store.py",
    "compilation/runtime": "e2e/test_builds.py",
    "libtorch/locations/table": "unit/libtorch/locations/test_derive.py",
    "libtorch/static_dispatch": "e2e/test_builds.py",
    "foundation/fetching/apt": "native/source/test_apt.py",
    "foundation/fetching/progress": "unit/source/test_opening.py",
    "models/conversion/convert": "torch/models/test_read_model.py",
    "models/formats/packing": "unit/models/conversion/test_flatbuffer.py",
    "models/prepacked/loading": "torch/models/rewrites/test_prepacked.py",
    "models/prepacked/operators": "torch/models/rewrites/test_prepacked.py",
    "models/conversion/repairs/containers": "torch/models/repairs/test_containers.py",
    "models/conversion/repairs/devices": "torch/models/repairs/test_devices.py",
    "models/conversion/repairs/stand_ins/enumerations": "torch/models/repairs/test_enumerations.py",
    "models/conversion/repairs/forks": "torch/models/repairs/test_forks.py",
    "models/conversion/repairs/blocks": "torch/models/repairs/test_blocks.py",
    "models/conversion/repairs/graphs": "torch/models/repairs/test_table.py",
    "models/conversion/repairs/interfaces": "torch/models/repairs/test_interfaces.py",
    "models/conversion/repairs/stand_ins/named_tuples": "torch/models/repairs/test_named_tuples.py",
    "models/conversion/repairs/stand_ins/objects": "torch/models/repairs/test_objects.py",
    "models/conversion/repairs/stand_ins/retyping": "torch/models/repairs/test_objects.py",
    "models/conversion/repairs/padding": "torch/models/repairs/test_padding.py",
    "models/conversion/repairs/pairs": "torch/models/repairs/test_pairs.py",
    "models/formats/places": "unit/models/conversion/test_lite_devices.py",
    "models/conversion/repairs/wrapped_numbers": "torch/models/repairs/test_numbers.py",
    "models/conversion/repairs/table": "torch/models/repairs/test_table.py",
    "models/conversion/pickling": "unit/models/conversion/test_flatbuffer.py",
    "models/conversion/rewrites/agreement": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/batches": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/clamps": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/cleaning": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/constants": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/folding": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/freezing": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/layout": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/packing": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/saving": "torch/models/rewrites/test_saving.py",
    "models/conversion/rewrites/table": "torch/models/rewrites/test_table.py",
    "models/conversion/rewrites/unpacking": "torch/models/rewrites/test_table.py",
    "models/conversion/repack": "unit/models/conversion/test_flatbuffer.py",
    "models/exported/calls": "unit/models/exported/test_scripting.py",
    "models/exported/problems": "unit/models/exported/test_vetting.py",
    "models/exported/writing/__main__": "torch/models/test_programs.py",
    "models/exported/writing/agreement": "torch/models/test_programs.py",
    "models/exported/writing/branches": "torch/models/test_programs.py",
    "models/exported/writing/decomposing": "torch/models/test_programs.py",
    "models/exported/writing/guards": "torch/models/test_programs.py",
    "models/exported/writing/literals": "torch/models/test_programs.py",
    "models/exported/writing/program": "torch/models/test_programs.py",
    "models/exported/writing/refused": "torch/models/test_programs.py",
    "models/exported/writing/statements": "torch/models/test_programs.py",
    "models/exported/writing/structure": "torch/models/test_programs.py",
    "models/exported/writing/symbolic": "torch/models/test_programs.py",
    "models/formats/faults": "unit/models/formats/test_pickles.py",
    "models/formats/identify": "unit/models/reading/test_lite.py",
    "models/formats/pickle_values": "unit/models/formats/test_pickles.py",
    "models/formats/zip_headers": "unit/models/formats/test_archive.py",
    "models/lists/operator_list": "unit/models/lists/test_lists.py",
    "models/lists/reading": "unit/models/lists/test_lists.py",
    "models/lists/resolving": "unit/models/lists/test_lists.py",
    "models/lists/writing": "unit/models/lists/test_lists.py",
    "extensions/learning": "torch/extensions/test_learning.py",
    "models/preflight/foreign": "unit/models/preflight/test_mentioned.py",
    "models/preflight/interpreter": "unit/models/preflight/test_checks.py",
    "models/preflight/problems": "unit/models/preflight/test_checks.py",
    "models/reference/__main__": "unit/models/reference/test_inputs.py",
    "models/reference/exactness": "torch/models/test_rounding.py",
    "models/reference/kernels": "torch/models/test_rounding.py",
    "models/reference/originals": "torch/models/test_programs.py",
    "models/reference/recorder": "torch/test_tracing.py",
    "models/reference/rounder": "torch/models/test_rounding.py",
    "models/reference/rounding": "torch/models/test_rounding.py",
    "models/reference/sensitivity": "torch/models/test_faults.py",
    "models/reference/surroundings": "torch/test_tracing.py",
    "models/tracing/execution_trace": "unit/models/tracing/test_reconcile.py",
    "models/torchscript/places": "torch/models/test_exported.py",
    "models/torchscript/frontend/expressions": f"{_SCRIPTED}/frontend/test_statements.py",
    "models/torchscript/frontend/scopes": f"{_SCRIPTED}/frontend/test_statements.py",
    "models/torchscript/graphs/aliases": f"{_SCRIPTED}/graphs/test_cleaning.py",
    "models/torchscript/graphs/folding": f"{_SCRIPTED}/graphs/test_cleaning.py",
    "models/torchscript/graphs/nodes": f"{_SCRIPTED}/test_inlining.py",
    "models/torchscript/graphs/preparing": f"{_SCRIPTED}/graphs/test_emission.py",
    "models/torchscript/graphs/repairs": f"{_SCRIPTED}/test_reader.py",
    "models/torchscript/signatures/literals": f"{_SCRIPTED}/frontend/test_program.py",
    "models/torchscript/signatures/overloads": "torch/models/test_exported.py",
    "pipeline/building": "e2e/test_builds.py",
    "pipeline/request": "unit/pipeline/test_planning.py",
    "pipeline/run": "e2e/test_builds.py",
    "pipeline/carrying/projects": "native/mini_torch/test_standalone.py",
    "compilation/templates": "unit/compilation/test_project.py",
    "pipeline/wanted": "unit/commands/test_answers.py",
    "source/debian": "native/source/test_apt.py",
    "vocabulary/tolerances": "unit/proof/test_compare.py",
}
"""Modules without a test file of their own name, and the file that tests them best."""

SEVERAL: Final[Mapping[str, str]] = {
    "unit/commands/test_documents.py": "the schema of what each command prints",
    "unit/commands/test_shown.py": "what quiet and verbose commands show",
    "unit/commands/test_start.py": "what each command imports",
    "unit/libtorch/closure/test_compiled_objects.py": "objects that real compilers wrote",
    "unit/models/test_corpus.py": "what the fuzzer found, in all readers",
    "unit/models/test_history.py": "files of all versions, in all readers",
    "unit/test_architecture.py": "the rooms",
    "unit/test_linters.py": "the pins of the linters",
    "unit/test_mirror.py": "this table",
    "unit/test_promised.py": "the sizes that are promised",
    "unit/test_suite.py": "the tests",
}
"""Test files that are about no module alone, and what they are about."""


def says_only_what_it_is(path: Path) -> bool:
    """Tell whether a module is a docstring: nothing in it could be tested."""
    return all(isinstance(it, ast.Expr) for it in parsed(path).body)


MODULES: Final = {
    path.relative_to(BUILDER).with_suffix("").as_posix(): path
    for path in sorted(BUILDER.rglob("*.py"))
    if not says_only_what_it_is(path)
}


def mirrors(module: str) -> list[Path]:
    """Return the test files that have the name and the place of a module."""
    path = Path(module)
    paths = (folder / path.parent / f"test_{path.name}.py" for folder in MIRRORS)
    return [it for it in paths if it.is_file()]


@cache
def mentioned(path: Path) -> frozenset[str]:
    """Return the modules a file imports, and its texts: programs are started by their names."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                names.add(module)
                names.update(f"{module}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)):
                names.add(text)
            case _:
                pass
    return frozenset(names)


def names_of(module: str) -> frozenset[str]:
    """Return how code names a module: imported, run with `-m`, or as a file beside its own."""
    dotted = ".".join(("builder", *Path(module).parts))
    short = dotted.removesuffix(".__init__").removesuffix(".__main__")
    return frozenset({dotted, short, f"{Path(module).name}.py"})


NAMES: Final = {name: names_of(name) for name in MODULES}


@cache
def used_by(path: Path) -> frozenset[str]:
    """Return the modules that a file uses."""
    return frozenset(name for name in MODULES if NAMES[name] & mentioned(path))


@cache
def around(module: str) -> frozenset[str]:
    """Return what a module uses, and what that uses."""
    found = used_by(MODULES[module])
    return found.union(*(used_by(MODULES[name]) for name in found))


def reaches(test: Path, module: str) -> bool:
    """Tell whether a test uses a module; `e2e` and `mini_torch` run the whole program.

    Four others may lie between: a command is reached through the command line and its registry.
    """
    whole = (TESTS / "e2e", TESTS / "native" / "mini_torch")
    if NAMES[module] & mentioned(test) or any(map(test.is_relative_to, whole)):
        return True
    found = used_by(test)
    near = found.union(*(around(name) for name in found))
    return module in near.union(*(around(name) for name in near))


def test_every_module_has_a_test_file_or_one_that_covers_it() -> None:
    untested = [name for name in MODULES if not mirrors(name) and name not in COVERED_BY]
    assert not untested, "write tests/unit/…/test_NAME.py, or name the test in COVERED_BY"


def test_the_table_holds_nothing_else() -> None:
    assert COVERED_BY.keys() <= MODULES.keys()
    assert not [name for name in COVERED_BY if mirrors(name)], "they have a test file by now"


def test_whatever_covers_a_module_reaches_it() -> None:
    found = {name: mirrors(name) for name in MODULES} | {
        name: [TESTS / test] for name, test in COVERED_BY.items()
    }
    assert not {
        name: [it.relative_to(TESTS).as_posix() for it in tests]
        for name, tests in found.items()
        if tests and not any(reaches(it, name) for it in tests)
    }


def test_every_test_file_mirrors_a_module_or_covers_some() -> None:
    mirroring = {it for name in MODULES for it in mirrors(name)}
    known = mirroring | {TESTS / it for it in (*COVERED_BY.values(), *SEVERAL)}
    unknown = sorted(set(UNIT.rglob("test_*.py")) - known)
    assert not unknown, "name what they are about in SEVERAL, or the module they are of"
    assert all((TESTS / it).is_file() for it in SEVERAL)
