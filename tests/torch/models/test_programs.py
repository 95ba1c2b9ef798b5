"""Exported programs and the TorchScript written of them answer alike, at every size they take."""

import json
import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export

from builder import RELEASE
from builder.extensions.reading import read_extension
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.torchscript import read_model
from builder.models.exported.calls import parse_told
from builder.models.exported.vetting import extra_files, vet
from builder.models.exported.writing import agreement
from builder.models.exported.writing.__main__ import main
from builder.models.exported.writing.agreement import agreed
from builder.models.exported.writing.program import write
from builder.models.exported.writing.refused import Refused
from builder.models.formats.archive import Archive
from builder.models.reference.__main__ import main as refer
from builder.vocabulary.models import Call, InputSpec, ModelFormat, SizeRange, inputs_for
from builder.vocabulary.value_files import Tensor, decode
from tests.places import EXAMPLES
from tests.torch.models import layers, programs
from tests.torch.models.programs import TORCH, Module, made, of

SAVE: Final[Any] = torch.export.save


class Written:
    """A program that was saved, vetted and written as TorchScript, as the tool does it."""

    def __init__(self, program: ExportedProgram, folder: Path, **extra: str) -> None:
        self.path, self.out = folder / "net.pt2", folder / "out"
        self.out.mkdir(exist_ok=True)
        SAVE(program, self.path, extra_files=extra)
        with self.path.open("rb") as stream:
            archive = Archive(self.path, stream)
            self.problems = [str(it) for it in vet(archive)]
            names = extra_files(archive)
        self.status = main([str(self.path), str(self.out), RELEASE, "{}", *names])

    @property
    def module(self) -> Any:
        return TORCH.jit.load(str(self.out / "model.pt"))

    @property
    def call(self) -> Call:
        found: Call = self.told.call
        return found

    @property
    def told(self) -> Any:
        return parse_told((self.out / "call.json").read_text(encoding="utf-8"))


@pytest.fixture
def written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[ExportedProgram], Written]:
    """Write a program; what the child says is the reason when it does not work."""

    def run(program: ExportedProgram) -> Written:
        found = Written(program, tmp_path)
        assert (found.status, capsys.readouterr().out, found.problems) == (0, "", [])
        return found

    return run


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[ExportedProgram], str]:
    """Write a program that cannot be; return what is said of it."""

    def run(program: ExportedProgram) -> str:
        assert Written(program, tmp_path).status == 1
        said = json.loads(capsys.readouterr().out)
        return "; ".join((*said["problems"], said["hint"]))

    return run


TAX: Final = {
    "tax.cpp": """#include <ATen/ATen.h>
#include <torch/library.h>
at::Tensor tax(const at::Tensor& x, double rate) { return x * rate; }
TORCH_LIBRARY(cart, m) { m.def("tax(Tensor x, float rate) -> Tensor", tax); }
""",
    "tax.py": """import torch
@torch.library.custom_op("cart::tax", mutates_args=())
def tax(x: torch.Tensor, rate: float) -> torch.Tensor:
    return x * rate
tax.register_fake(lambda x, rate: torch.empty_like(x))
""",
}


class Taxed(nn.Module):
    """Calls an operator of the user's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.cart.tax(x.relu(), 1.25)  # type: ignore[no-any-return]


def test_operators_of_the_users_own(tmp_path: Path, real: Host) -> None:
    """Where no library runs them, the program is written all the same, and not compared."""
    for name, text in TAX.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    side = runpy.run_path(str(tmp_path / "tax.py"))
    program = export(Taxed(), (torch.ones(2, 3),), dynamic_shapes=({0: Dim("n", max=9)},))
    SAVE(program, tmp_path / "net.pt2")
    del side
    counts = []
    for libraries in ((), (tmp_path / "tax.py",)):
        extension = read_extension([tmp_path / "tax.cpp"], libraries)
        model = read_model(tmp_path / "net.pt2", real, extension=extension)
        assert "cart::tax" in set(map(str, model.operators))
        assert model.call is not None
        assert model.call.sizes
        counts.append(len(model.examples))
    assert counts[0] == 1 < counts[1]


@pytest.mark.parametrize("name", programs.DYNAMIC)
def test_sizes_stay_dynamic(name: str, written: Callable[[ExportedProgram], Written]) -> None:
    found = written(programs.DYNAMIC[name]())
    assert len(found.told.examples) >= 3
    assert found.call.sizes


@pytest.mark.parametrize("name", programs.CONSTRUCTS)
def test_whatever_a_program_has(name: str, written: Callable[[ExportedProgram], Written]) -> None:
    assert written(programs.CONSTRUCTS[name]()).told.examples[0] == "example"


@pytest.mark.parametrize("name", programs.SIZES)
def test_arithmetic_on_sizes(name: str, written: Callable[[ExportedProgram], Written]) -> None:
    function = programs.SIZES[name]
    program = of(lambda x: function(x, x.shape[0]), made(6, 4), sizes=({0: Dim.DYNAMIC},))
    assert len(written(program).told.examples) >= 3


@pytest.mark.parametrize("group", list(layers.groups()), ids=lambda it: it[0])
def test_layers(group: Any, written: Callable[[ExportedProgram], Written]) -> None:
    _, found, given = group
    torch.manual_seed(3)
    module = layers.Group({name: make() for name, make in found.items()}).eval()
    written(of(module, *given, sizes=(tuple({0: Dim.AUTO} for _ in given),)))


def test_every_layer_is_tried_or_named() -> None:
    tried = {name for _, found, _ in layers.groups() for name in found}
    known = {
        name for name, it in vars(nn).items() if isinstance(it, type) and issubclass(it, nn.Module)
    }
    lazy = {name for name in known if name.startswith("Lazy")}
    assert known - lazy - tried - layers.APART.keys() == set()
    assert not tried & layers.APART.keys()


@pytest.mark.parametrize(
    ("example", "name"),
    [
        ("classifier", "Classifier"),
        ("lstm_text", "TextClassifier"),
        ("mobilenet_v2", "MobileNetV2"),
    ],
)
def test_examples(
    example: str, name: str, written: Callable[[ExportedProgram], Written],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", [example])
    parts = runpy.run_path(str(EXAMPLES / example / "make_model.py"))
    inputs = (it[..., ::4] if it.numel() > 1 << 16 else it for it in parts["make_inputs"]())
    given = tuple(torch.cat([it, it]) for it in inputs)  # export takes a batch of one as fixed
    found = written(of(parts[name](), *given, sizes=tuple({0: Dim.AUTO} for _ in given)))
    assert found.call.sizes


def test_operators_of_later_releases_are_taken_apart(
    written: Callable[[ExportedProgram], Written],
) -> None:
    def later(x: torch.Tensor) -> Any:
        return TORCH.ops.aten._fused_rms_norm(x, [4], None, 1e-6)[0]

    names = {str(it) for it in pinned_catalogue(RELEASE).entries}
    assert "aten::_fused_rms_norm" not in names, "take another operator that the release lacks"
    module = written(of(later, made(3, 4), sizes=({0: Dim.DYNAMIC},))).module
    assert "_fused_rms_norm" not in module.code


def test_those_that_cannot_be_are_refused_with_their_line(
    refusal: Callable[[ExportedProgram], str],
) -> None:
    class Hashed(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return TORCH.hash_tensor(x)

    said = refusal(export(Hashed(), (made(3, 4),)))
    assert "this release of PyTorch has no operator aten::hash_tensor" in said
    assert re.search(r"\(test_programs\.py:\d+: .*hash_tensor", said)


def test_operators_of_graphs_are_refused_by_name(
    refusal: Callable[[ExportedProgram], str],
) -> None:
    class Mapped(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return TORCH._higher_order_ops.map(lambda it: it + 1, x)

    said = refusal(export(Mapped(), (made(3, 4),)))
    assert "the higher-order operator map_impl has no counterpart in TorchScript" in said
    assert re.search(r"\(test_programs\.py:\d+: return TORCH\._higher_order_ops\.map", said)


def test_lower_precision_is_refused(refusal: Callable[[ExportedProgram], str]) -> None:
    said = refusal(export(programs.LowerPrecision(), (made(3, 4),)))
    assert "torch.autocast" in said


def test_inputs_of_several_types_are_refused(refusal: Callable[[ExportedProgram], str]) -> None:
    said = refusal(export(programs.Loose(), (made(2), {"a": made(2), "b": [made(2)]})))
    assert "input given is a dict with values of several types" in said
    assert "give them in a tuple" in said


def test_what_torch_cannot_read_has_torchs_reason(
    refusal: Callable[[ExportedProgram], str],
) -> None:
    said = refusal(of(lambda x: (x, "text"), made(3, 4), sizes=(None,)))
    assert "Unable to deserialize output node" in said


def test_a_call_is_told(written: Callable[[ExportedProgram], Written]) -> None:
    call = written(programs.CONSTRUCTS["structure"]()).call
    assert [(it.name, it.type, it.keyword) for it in call.arguments] == [
        ("x", "Tensor", False),
        ("pair", "Tuple[Tensor, Tensor]", True),
        ("mask", "Optional[Tensor]", True),
        ("mode", "str", True),
    ]
    assert [it.path for it in call.arguments[1].tensors] == ["pair[0]", "pair[1]"]
    assert call.returns == "Dict[str, Any]"
    call = written(programs.DYNAMIC["a declared range"]()).call
    assert [(it.least, it.most) for it in call.sizes] == [(2, 6)]
    (argument,) = call.arguments
    (tensor,) = argument.tensors
    assert tensor.sizes == (call.sizes[0].name, "3", "16", "16")


def test_answers_keep_their_structure(written: Callable[[ExportedProgram], Written]) -> None:
    module = written(programs.CONSTRUCTS["structure"]()).module
    answer = module(made(6, 4), (made(4), made(1)), None, "a")
    assert set(answer) == {"list", "pairs", "inner", "none", "numbers", "empty"}
    assert isinstance(answer["pairs"][1], tuple)
    assert set(answer["inner"]["more"][1]) == {"z"}
    assert answer["none"] is None
    assert answer["numbers"] == (3, 2.5, True)
    assert answer["empty"] == ([], {})
    assert "Union" not in str(module.graph), "no lite interpreter reads that type"


def test_state_is_kept_between_calls(written: Callable[[ExportedProgram], Written]) -> None:
    for name in ("state", "functional state"):
        module, one = written(programs.CONSTRUCTS[name]()).module, torch.ones(2, 3)
        first, _ = module(one)
        second, last = module(one)
        torch.testing.assert_close(first, torch.tensor([3.0, 5.0, 7.0]))
        torch.testing.assert_close(second, torch.tensor([5.0, 13.0, 25.0]))
        torch.testing.assert_close(last[0], torch.tensor([4.0, 6.0, 8.0]))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "a declared range", (made(7, 3, 16, 16),),
            r"dimension 0 of input x is 7, the program was exported for 2 to 6",
        ),
        (
            "a declared range", (made(2, 3, 16, 17),),
            r"dimension 3 of input x is 17, the program was exported for 16",
        ),
        (
            "a declared range", (made(3, 16, 16),),
            r"input x has 3 dimensions, the program was exported for 4",
        ),
        ("even sizes alone", (made(5, 4),), r"exported for inputs with .* % 2 == 0"),
        (
            "one size more than another", (made(6, 4), made(6, 4)),
            r"dimension 0 of input given_0 is 6, it has to be 7",
        ),
        ("twice a size", (made(5, 4),), r"dimension 0 of input given_0 is 5, it has to be 4"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_errors(
    written: Callable[[ExportedProgram], Written], name: str, given: Any, message: str
) -> None:
    with pytest.raises(torch.jit.Error, match=message):
        written(programs.DYNAMIC[name]()).module(*given)


def test_constants_of_the_call_are_checked(written: Callable[[ExportedProgram], Written]) -> None:
    module = written(programs.CONSTRUCTS["structure"]()).module
    with pytest.raises(torch.jit.Error, match="the program was exported for mode = a"):
        module(made(6, 4), (made(4), made(1)), None, "b")
    with pytest.raises(torch.jit.Error, match="the program was exported for mask = None"):
        module(made(6, 4), (made(4), made(1)), made(1), "a")


def test_files_ride_along(tmp_path: Path) -> None:
    found = Written(programs.DYNAMIC["twice a size"](), tmp_path, labels="cat")
    extra: dict[str, Any] = {"labels": ""}
    TORCH.jit.load(str(found.out / "model.pt"), _extra_files=extra)
    assert extra == {"labels": b"cat"}


def test_a_difference_is_noticed() -> None:
    program = of(lambda x: x * 2, made(3, 4), sizes=({0: Dim.DYNAMIC},))
    other = write(of(lambda x: x * 2.0001, made(3, 4), sizes=({0: Dim.DYNAMIC},)))
    with pytest.raises(Refused, match="answers otherwise"):
        agreed(program, other.module)
    fixed = write(of(lambda x: x * 2, made(3, 4), sizes=(None,)))
    with pytest.raises(Refused, match=r"does not run with s\d+=6"):
        agreed(program, fixed.module)
    changes = export(Module(programs.changed), (made(3, 4),))
    keeps = write(export(Module(lambda x: (x + 1) * 2), (made(3, 4),)))
    with pytest.raises(Refused, match="answers otherwise"):
        agreed(changes, keeps.module)
    missing = write(of(lambda x: (x * 2, x), made(3, 4), sizes=({0: Dim.DYNAMIC},)))
    with pytest.raises(Refused, match="answers otherwise"):
        agreed(program, missing.module)


def test_sizes_are_tried_within_their_range() -> None:
    assert list(agreement._choices(4, 2, 6)) == [2, 5, 3, 6]
    assert list(agreement._choices(2, 0, None)) == [4, 1, 6, 3]
    assert not list(agreement._choices(3, 3, 3))


def test_the_whole_way_to_a_model(real: Host, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    SAVE(programs.DYNAMIC["a declared range"](), path)
    model = read_model(path, real)
    assert (model.name, model.format, model.source) == ("net", ModelFormat.EXPORTED, path)
    assert model.call is not None
    assert [(it.least, it.most) for it in model.call.sizes] == [(2, 6)]
    assert isinstance(model.call.sizes[0], SizeRange)
    assert {"conv2d", "batch_norm", "linear"} <= {it.base for it in model.operators}
    spec = {"exported": True, "ptl": str(model.path), **inputs_for(model, InputSpec()).document()}
    inputs, expected = tmp_path / "inputs", tmp_path / "expected"
    files = (inputs, expected, tmp_path / "allowed", tmp_path / "faster")
    assert refer([str(path), json.dumps(spec), *map(str, files)]) == 0
    answers = decode(expected.read_bytes())
    assert isinstance(answers, list)
    shapes = [it.shape for it in answers if isinstance(it, Tensor)]
    assert len(shapes) == len(model.examples) >= 3
    assert len(set(shapes)) == len(shapes)
    again = read_model(path, replace(real, cache=tmp_path / "another"))
    assert again.path.read_bytes() == model.path.read_bytes()
