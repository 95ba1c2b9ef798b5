"""What is read of TorchScript without torch is what torch's conversion makes of it."""

import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from builder import RELEASE
from builder.libtorch.codegen import pinned_catalogue
from builder.models.reading.lite import opened, read_lite
from builder.models.torchscript.reader import read_source
from builder.models.torchscript.signatures.kinds import UnsureError
from builder.models.torchscript.signatures.overloads import (
    FILE,
    Overloads,
    read_overloads,
    to_bytes,
)
from builder.models.torchscript.signatures.schemas import Schemas, parse_schema
from builder.vocabulary.models import Code, Model
from tests.coverage.suite import MODELS, write
from tests.coverage.values import Coverage
from tests.places import EXAMPLES
from tests.torch.models.scripts import modules

TORCH: Final[Any] = torch  # many of its functions have no types
SCHEMAS: Final = Schemas(pinned_catalogue(RELEASE), read_overloads())
SCRIPTED: Final = tuple(it for it in MODELS if not it.name.startswith("called_"))
SCRIPTS: Final = sorted(EXAMPLES.glob("*/make_model*.py"))

UNSURE: Final = frozenset({
    "dynamic", "enumerations", "instances", "packed_sequence_type", "pooling", "reduction",
})  # fmt: skip
"""Coverage models that torch is asked about: they have unions, enumerations, objects."""

BY_NUMBER: Final = frozenset({"LOADC", "INTERFACE_CALL", "WARN"})
"""Instructions that tell the number of a constant, or of a warning, which no order decides."""

LEFT_OUT: Final = frozenset({"path", "sha256", "source"})
"""What differs for another file."""

NAMESPACES: Final = ("aten", "prim", "quantized", "_quantized")


def exported(path: Path) -> Model | None:
    with opened(path) as archive:
        return read_source(archive, SCHEMAS)


def converted(path: Path) -> Model:
    """Return what conversion makes of a file, without repairs and with lines."""
    module = TORCH.jit.load(path, map_location="cpu")
    lite = path.with_suffix(".lite")
    module._save_for_lite_interpreter(str(lite), _save_mobile_debug_info=True)
    return read_lite(lite, name=path.stem, source=path)


def plain(model: Model) -> Model:
    """Leave out the numbers of constants and warnings."""
    methods = tuple(
        replace(it, code=None if it.code is None else without_numbers(it.code))
        for it in model.methods
    )
    return replace(model, methods=methods)


def without_numbers(code: Code) -> Code:
    instructions = tuple(
        (opcode, 0 if opcode in BY_NUMBER else first, second)
        for opcode, first, second in code.instructions
    )
    return replace(code, instructions=instructions, constants=())


def differences(path: Path) -> Iterator[str]:
    """Yield where a sure answer is not that of the conversion."""
    found = exported(path)
    if found is None:
        return
    expected = converted(path)
    for it in fields(Model):
        ours, theirs = (getattr(plain(model), it.name) for model in (found, expected))
        if it.name not in LEFT_OUT and ours != theirs:
            yield f"{it.name}: {ours} instead of {theirs}"


@pytest.mark.parametrize("coverage", SCRIPTED, ids=lambda it: it.name)
def test_coverage_models(coverage: Coverage, tmp_path: Path) -> None:
    path, _ = write(coverage, tmp_path)
    assert (exported(path) is None) == (coverage.name in UNSURE)
    assert not list(differences(path))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_examples(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    paths = [it for it in tmp_path.glob("**/*.pt") if "inputs" not in it.name]
    assert paths
    for path in paths:
        # a number that its trace keeps as a tensor is repaired by the conversion, and operators of
        # the user's own are known to it alone
        assert (exported(path) is None) == (script.parent.name in {"image_bytes", "detection"})
        assert not list(differences(path))


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(modules())
def test_any_small_module(
    tmp_path_factory: pytest.TempPathFactory, sources: tuple[str, ...]
) -> None:
    module = type("Net", (TORCH.jit.ScriptModule,), {})()
    with suppress(RuntimeError):  # not all that is made up is TorchScript
        for source in sources:
            module.define(source)
        path = tmp_path_factory.mktemp("made") / "net.pt"
        module.save(str(path))
        try:
            assert not list(differences(path)), "\n".join(sources)
        finally:
            for made in path.parent.iterdir():
                made.unlink()


def registered() -> tuple[dict[str, list[str]], list[str]]:
    """Return the overloads of torch in their order, and the schemas that the release lacks."""
    every = TORCH._C._jit_get_all_schemas()
    names = {it.name for it in every if it.name.partition("::")[0] in NAMESPACES}
    order = {
        name: [it.overload_name for it in TORCH._C._jit_get_schemas_for_operator(name)]
        for name in names
    }
    catalogue = Schemas(pinned_catalogue(RELEASE), Overloads("", order, ()))
    texts = (str(it) for it in every if it.name in names)
    return order, sorted(text for text in texts if is_other(text, catalogue))


def is_other(text: str, catalogue: Schemas) -> bool:
    """Whether the release does not have a schema, or has it otherwise."""
    try:
        schema = parse_schema(text)
    except UnsureError:
        return False
    return schema != catalogue.written(schema.name)


def test_the_table_of_overloads_is_that_of_torch(pytestconfig: pytest.Config) -> None:
    order, schemas = registered()
    if pytestconfig.getoption("update_golden"):
        FILE.write_bytes(to_bytes(TORCH.__version__.partition("+")[0], order, schemas))
    known = read_overloads()
    assert known.torch == TORCH.__version__.partition("+")[0]
    assert {name: list(it) for name, it in known.order.items()} == order
    assert list(known.schemas) == schemas


class Counting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.arange(x.shape[0]) - 0.5


class WithoutGradient(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return x + 1


def on_another_device() -> Any:
    module = type("Net", (TORCH.jit.ScriptModule,), {})()
    module.define("""def forward(self, x: Tensor):
    return x + torch.zeros([2], device=torch.device("cuda:0"))
""")
    return module


def forking() -> Any:
    module = type("Net", (TORCH.jit.ScriptModule,), {})()
    module.define("""def forward(self, x: Tensor):
    return torch.jit.wait(torch.jit.fork(torch.neg, x))
""")
    return module


@pytest.mark.parametrize(
    "made",
    [
        lambda: TORCH.jit.trace(Counting(), torch.rand(4)),
        lambda: TORCH.jit.script(WithoutGradient()),
        on_another_device,
        forking,
    ],
    ids=["number", "gradient", "device", "fork"],
)
def test_what_the_conversion_repairs_is_left_to_it(made: Callable[[], Any], tmp_path: Path) -> None:
    made().save(str(tmp_path / "net.pt"))
    assert exported(tmp_path / "net.pt") is None
