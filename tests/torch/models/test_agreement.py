"""Our operators are those torch finds, for a model of every operator that a script can call."""

import importlib
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.foundation.process import Host, SubprocessRunner
from builder.libtorch.catalogue import count_results
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.torchscript import read_model
from builder.models.preflight.interpreter import read_interpreter
from builder.models.preflight.stacks import Fault, Release, find_fault
from builder.models.reading.lite import read_lite
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName
from tests.places import EXAMPLES

TORCH: Final[Any] = torch  # many of its functions have no types
MOBILE: Final[Any] = importlib.import_module("torch.jit.mobile")
SCRIPTS: Final = sorted(
    it for it in EXAMPLES.glob("*/make_model*.py") if not [*it.parent.glob("*.cpp")]
)
"""Without those that call operators of their own, which desktop torch has not."""

SPELLED: Final = {"number": "float", "Optional[number]": "Optional[float]"}

PINNED: Final = "2.6.0"

AT_LEAST: Final = 900
"""Models; a third of the operators of torch 2.13 that a script can call are 1,100."""


def spelled(argument: Any) -> str:
    """Return the type of an argument as a script can write it; wrong ones do not compile."""
    kind = str(argument.type)
    return SPELLED.get(kind, kind)


def methods(schema: Any) -> Iterator[str]:
    """Yield the source of one method for each number of arguments an operator can be given."""
    arguments = list(schema.arguments)
    required = sum(not it.has_default_value() for it in arguments)
    kinds = [spelled(it) for it in arguments]
    base = schema.name.partition("::")[2]
    for count in range(required, len(arguments) + 1):
        given = [
            (index, it)
            for index, it in enumerate(arguments)
            if index < count or not it.has_default_value()
        ]
        parameters = "".join(f", a{index}: {kinds[index]}" for index, _ in given)
        words = ", ".join(
            f"{it.name}=a{index}" if it.kwarg_only else f"a{index}" for index, it in given
        )
        # a lite model cannot be loaded when a method returns what a tuple with names would be
        first = "[0]" if len(schema.returns) > 1 else ""
        call = f"torch.ops.aten.{base}({words}){first}"
        yield f"def with_{count}(self{parameters}):\n    return {call}\n"


def compiled(schema: Any) -> Any | None:
    """Return a module that calls an operator in every way; None for what no script can call."""
    # torch lets modules of one class share their methods
    module = type("Net", (TORCH.jit.ScriptModule,), {})()
    defined = 0
    for source in methods(schema):
        with suppress(RuntimeError):
            module.define(source)
            defined += 1
    return module if defined else None


def loaded(module: Any, path: Path) -> Any | None:
    """Save for the lite interpreter and load; None for what torch itself refuses."""
    try:
        path.write_bytes(module._save_to_buffer_for_lite_interpreter())
        return MOBILE._load_for_lite_interpreter(str(path))
    except RuntimeError:
        return None


def by_torch(path: Path) -> dict[str, int | None]:
    info = MOBILE._get_model_ops_and_info(str(path))
    counts = {name: it.num_schema_args for name, it in info.items()}
    return {name: None if it == -1 else it for name, it in counts.items()}  # any number of them


def ours(model: Model) -> set[str]:
    return {str(name) for name in model.operators}


def test_models_of_a_third_of_all_operators(tmp_path: Path) -> None:
    """All of them would take minutes, and tell the same."""
    path = tmp_path / "net.ptl"
    seen = 0
    for schema in sorted(TORCH._C._jit_get_all_schemas(), key=str)[::3]:
        module = compiled(schema) if schema.name.startswith("aten::") else None
        lite = loaded(module, path) if module is not None else None
        if lite is None:
            continue
        seen += 1
        model, counted = read_lite(path), by_torch(path)
        assert ours(model) == set(MOBILE._export_operator_list(lite)), schema
        assert ours(model) == counted.keys(), schema
        for name, count in counted.items():
            assert count in arguments(model, name), schema
        if as_many_results(schema):
            assert faults(model) == [], schema
    assert seen >= AT_LEAST


def as_many_results(schema: Any) -> bool:
    """Tell whether an operator leaves as many values in the pinned release, if that has it."""
    name = f"{schema.name}.{schema.overload_name}".removesuffix(".")
    entry = pinned_catalogue(PINNED).entries.get(OperatorName.parse(name))
    return entry is None or count_results(entry.schema) == len(schema.returns)


def faults(model: Model) -> list[Fault]:
    """Return what would keep a runtime from loading what torch wrote."""
    release = Release(pinned_catalogue(PINNED), read_interpreter(PINNED), model.operator_version)
    found = (find_fault(it.code, release) for it in model.methods if it.code is not None)
    return [it for it in found if it is not None]


def arguments(model: Model, name: str) -> set[int | None]:
    uses = (use for method in model.methods for use in method.operators)
    return {use.arguments for use in uses if str(use.name) == name}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_the_models_of_the_examples(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "out")])
    runpy.run_path(str(script), run_name="__main__")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    host = Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache", jobs=1)
    models = [it for it in tmp_path.glob("out/**/*.pt") if "inputs" not in it.name]
    assert models
    for path in models:
        model = read_model(path, host)
        lite = MOBILE._load_for_lite_interpreter(str(model.path))
        assert ours(model) == set(MOBILE._export_operator_list(lite))
