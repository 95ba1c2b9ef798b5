"""Models that are rewritten for speed: they answer as before, and gain what they should."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from builder.foundation.process import Host
from builder.models.conversion.rewrites.table import AFTER, BEFORE, PACKING, PACKING_SAYS
from builder.models.conversion.torchscript import read_model
from builder.models.formats.pickle_values import Call
from builder.models.formats.pickles import read_pickle
from builder.models.reading.lite import opened
from builder.proof.model_run import Answers, ask_torch, refuse_other_answers
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.models import InputSpec, Rewrite
from builder.vocabulary.tolerances import Limits
from tests.places import ROOT
from tests.torch.models.rewrites.rewritten import TORCH, agree, convert, operators, rewritten

X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
KINDS = {*(it.name for it in (*BEFORE, *AFTER)), PACKING}
CONVOLUTION = "prepacked::conv2d_clamp_run"
LINEAR = "prepacked::linear_clamp_run"


def trained(module: nn.Module) -> nn.Module:
    """Return a module whose batch norms have seen something, ready to be used."""
    random = torch.Generator().manual_seed(1)
    for it in module.modules():
        if isinstance(it, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (it.running_mean, it.running_var, it.weight, it.bias):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=random) + 0.5
    return module.eval()


class Block(nn.Module):
    """A residual block with an attention over channels, as many networks for images have."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.two = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.narrow, self.wide = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(8 * 36, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = nn.functional.relu6(self.norm(self.one(x)))
        y = nn.functional.hardswish(self.two(x))
        y = y * torch.sigmoid(
            self.wide(nn.functional.relu(self.narrow(y.mean([2, 3], keepdim=True))))
        )
        y = nn.functional.max_pool2d(torch.cat([x, y + x], 1), 2)[:, :8]
        return self.out(self.drop(torch.flatten(y, 1))), y


def test_a_network_for_images(tmp_path: Path) -> None:
    path, changes = rewritten(trained(Block()), tmp_path)
    agree(tmp_path / "net.pt", path, X)
    assert {it.name for it in changes.rewrites} < KINDS
    assert {str(it) for it in changes.rewrites} == {
        "dropout removed (once)",
        "batch norm folded into a convolution (once)",
        "aten::conv2d became prepacked::conv2d_clamp_run (4 times)",
        "aten::linear became prepacked::linear_clamp_run (once)",
        "aten::relu6 became a limit of what comes before it (once)",
        "aten::relu became a limit of what comes before it (once)",
        "a value gets its channels last (2 times)",
        "a value gets its channels first again (once)",
    }
    assert not changes.notes
    plain = tmp_path / "plain.ptl"
    convert(tmp_path / "net.pt", plain, "off")
    assert path.stat().st_size < plain.stat().st_size
    assert operators(path).isdisjoint({"aten::conv2d", "aten::batch_norm", "aten::dropout"})


def test_the_documentation_has_every_rewrite() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    section = page.partition("### Rewrites")[2].partition("\n##")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    before, after = ([(it.name, it.says) for it in kinds] for kinds in (BEFORE, AFTER))
    assert rows == [*before, (PACKING, PACKING_SAYS), *after]


def test_the_bytes_depend_on_the_model_alone(tmp_path: Path) -> None:
    path, _ = rewritten(trained(Block()), tmp_path)
    again = tmp_path / "again.ptl"
    convert(tmp_path / "net.pt", again)
    assert again.read_bytes() == path.read_bytes()


class Exported(nn.Module):
    """Methods and attributes that an app reads."""

    names: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(64, 64)
        self.names = ["cat", "dog"]
        self.size, self.ratio, self.on, self.title = 3, 0.5, True, "net"
        self.register_buffer("mean", torch.ones(64))
        self.count = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.body(x - self.mean) if self.on else x

    @torch.jit.export
    def twice(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(self.body(x)))

    @torch.jit.export
    def label(self, place: int) -> str:
        return self.names[place]

    @torch.jit.export
    def calls(self) -> int:
        return self.count


def test_what_is_seen_from_outside_stays(tmp_path: Path) -> None:
    path, changes = rewritten(Exported().eval(), tmp_path)
    x = torch.randn(2, 64)
    for method, inputs in (("forward", [x]), ("twice", [x]), ("label", [1]), ("calls", [])):
        agree(tmp_path / "net.pt", path, *inputs, method=method)
    with opened(path) as archive:
        value = read_pickle(archive.read("data.pkl", limit=1 << 20)).value
    assert isinstance(value, Call)
    assert isinstance(value.state, dict)
    kept = {"names", "size", "ratio", "on", "title", "mean", "count", "training"}
    packed = {it for it in value.state if it.startswith("_jit_pass_packed_weight_")}
    assert set(value.state) == kept | packed
    # its weight is packed once, with and without a limit
    assert len(packed) == 2
    assert [it.count for it in changes.rewrites if "linear" in it.what] == [3]


def test_equal_weights_are_saved_once(tmp_path: Path) -> None:
    """What `optimize_for_mobile` made shares them, too: it would grow otherwise, and stay slow."""
    layers = (nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1, bias=False))
    net = nn.Sequential(*layers, nn.BatchNorm2d(8)).eval()  # both are folded to a bias of zeros
    path, changes = rewritten(net, tmp_path)
    assert "batch norm folded into a convolution (2 times)" in map(str, changes.rewrites)
    agree(tmp_path / "net.pt", path, X)
    with opened(path) as archive:
        assert len([it for it in archive.records if it.startswith("data/")]) == 3


class Counting(nn.Module):
    """Code that writes to a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.mul_(0.5)
        return nn.functional.linear(x, self.weight)


class Tied(nn.Module):
    """A weight that two operators read."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.words(x), self.words.weight)


class Fragile(nn.Module):
    """Answers that change with the last bit of what a convolution answers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.remainder(self.norm(self.one(x)) * 1e9, 3.0)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), "training mode"),
        (nn.Conv2d(3, 4, 3).double().eval(), "no convolution"),
        (Counting().eval(), "no convolution and no linear layer whose weights are known"),
        (Tied().eval(), "read once"),
        (trained(Fragile()), "answer otherwise"),
    ],
    ids=lambda it: it if isinstance(it, str) else type(it).__name__,
)
def test_what_is_left_alone_says_why(tmp_path: Path, module: Any, reason: str) -> None:
    path, changes = rewritten(module, tmp_path)
    assert not changes.rewrites
    (note,) = changes.notes
    assert note.startswith("not rewritten for speed: ")
    assert reason in note
    plain = tmp_path / "plain" / "net.ptl"  # torch writes the name of the file into it
    plain.parent.mkdir()
    convert(tmp_path / "net.pt", plain, "off")
    assert path.read_bytes() == plain.read_bytes()


class Unsure(Fragile):
    """Nobody but its user knows what it takes."""

    def forward(self, x: torch.Tensor, scale: float = 1e9) -> torch.Tensor:
        return torch.remainder(self.norm(self.one(x)) * scale, 3.0)


def test_inputs_of_the_user_show_what_a_rewrite_changes(tmp_path: Path, real: Host) -> None:
    rewritten(trained(Unsure()), tmp_path)
    model = read_model(tmp_path / "net.pt", real, Rewrite.AUTO)
    assert model.rewrites

    def answered(scale: float) -> Answers:
        folder = tmp_path / str(scale)
        folder.mkdir()
        torch.save((X, scale), folder / "given")
        return ask_torch(model, InputSpec(files=(folder / "given",)), folder, real)

    refuse_other_answers(model, answered(1.0), Limits())
    with pytest.raises(VerificationError, match="answers otherwise once it is rewritten"):
        refuse_other_answers(model, answered(1e9), Limits())


@pytest.mark.parametrize("module", [nn.Softmax(1), nn.Conv1d(3, 4, 3), nn.LSTM(3, 4)])
def test_a_model_that_could_not_gain_is_left_alone_silently(tmp_path: Path, module: Any) -> None:
    assert not rewritten(module, tmp_path)[1]


class Writing(nn.Module):
    """Writes in place to what a convolution answered, and sees them through a view."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = self.one(x)
        row = y.view(2, -1)[:, :100]
        row.add_(1.0)
        y[:, 0].zero_()
        z = self.two(y)
        nn.functional.relu_(z)
        return row, z, y


class Branching(nn.Module):
    """Convolutions in branches and loops."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        y = self.one(x)
        for step in range(count):
            y = self.two(y) if step % 2 == 0 else torch.relu(self.two(y)) + y
        if count > 2:
            return y.reshape(2, -1)
        return y


class Views(nn.Module):
    """All that reads elements by their place."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(3, 8, 3, padding="same"), nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = self.norm(self.one(x))
        shuffled = y.view(2, 2, 4, 12, 12).transpose(1, 2).reshape(2, 8, 12, 12)
        return [
            y.flatten(1),
            y.permute(0, 2, 3, 1),
            shuffled,
            y.view(-1),
            torch.cat([y, shuffled], 1),
        ]


class Shapes(nn.Module):
    """Convolutions of all shapes that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.strided = nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2))
        self.grouped = nn.Sequential(nn.Conv2d(6, 12, 3, groups=3), nn.BatchNorm2d(12))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(12, 6, 3, stride=2, output_padding=1, groups=2), nn.BatchNorm2d(6)
        )
        self.reflected = nn.Conv2d(6, 4, 3, padding=1, padding_mode="reflect")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.up(torch.clamp(self.grouped(self.strided(x)), min=-0.25))
        return torch.clamp_max(self.reflected(x), 0.5)


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (Writing(), [X]), (Branching(), [X, 0]), (Branching(), [X, 2]), (Branching(), [X, 3]),
        (Views(), [X]), (Shapes(), [X]),
    ],
)  # fmt: skip
def test_hard_cases_answer_as_before(tmp_path: Path, module: nn.Module, inputs: list[Any]) -> None:
    path, changes = rewritten(trained(module), tmp_path)
    assert changes.rewrites
    agree(tmp_path / "net.pt", path, *inputs)


def test_old_traces_call_convolutions_by_another_name(tmp_path: Path) -> None:
    net = trained(Shapes())
    traced = TORCH.jit.trace(net, X)
    path, _ = rewritten(traced, tmp_path)
    agree(tmp_path / "net.pt", path, X)
    assert operators(path).isdisjoint({"aten::_convolution", "aten::conv2d", "aten::batch_norm"})
    assert CONVOLUTION in operators(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e-30])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    convolution, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    net = trained(nn.Sequential(convolution, norm, nn.ReLU()))
    assert norm.running_var is not None
    with torch.no_grad():
        convolution.weight[0, 0, 0, 0] = value
        norm.running_var[1] = 0.0
    path, _ = rewritten(net, tmp_path)
    agree(tmp_path / "net.pt", path, X)


class Plain(nn.Module):
    """Convolutions that take images with and without a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.relu(self.one(x))
        return nn.functional.max_pool2d(y, 2), self.up(self.two(y + torch.sigmoid(y)))


def test_images_without_a_batch(tmp_path: Path) -> None:
    path, changes = rewritten(Plain().eval(), tmp_path)
    assert [it.count for it in changes.rewrites if it.name == "batches"] == [3]
    for x in (X, X[0], X[:0], X[:, :, :1, :1]):
        if x.shape[-1] > 1:
            agree(tmp_path / "net.pt", path, x)


@pytest.mark.parametrize("last", [nn.BatchNorm2d(4), nn.Upsample(scale_factor=2)])
def test_what_is_known_to_have_a_batch_asks_nothing(tmp_path: Path, last: nn.Module) -> None:
    net = trained(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1), last))
    path, changes = rewritten(net, tmp_path)
    assert not [it for it in changes.rewrites if it.name == "batches"]
    agree(tmp_path / "net.pt", path, X)


class Asking(nn.Module):
    """Asks how many dimensions there are, before and after it was changed."""

    def __init__(self, *, batched: bool) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4) if batched else nn.Identity()

    def forward(self, x: torch.Tensor) -> list[int]:
        y = torch.relu(self.norm(self.one(x)))
        sizes = y.size()
        more: list[int] = torch.jit.annotate(list[int], y.size())
        more.append(1)
        wider = torch.sigmoid(y)
        counts = [y.dim(), len(sizes), len(more), wider.dim()]
        wider.unsqueeze_(0)
        counts.extend([wider.dim(), len((wider * 2.0).size())])
        return counts


def test_what_must_come_in_a_batch_is_not_asked_for_its_dimensions(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(2))
    path, changes = rewritten(trained(net), tmp_path)
    agree(tmp_path / "net.pt", path, X)
    assert [it.count for it in changes.rewrites if it.name == "dimensions"] == [1]
    assert operators(path) == {"aten::adaptive_avg_pool2d", "aten::contiguous", CONVOLUTION}


@pytest.mark.parametrize("batched", [False, True])
def test_dimensions_are_those_that_there_are(tmp_path: Path, *, batched: bool) -> None:
    path, changes = rewritten(trained(Asking(batched=batched)), tmp_path)
    for x in (X, X[:0]) if batched else (X, X[0]):
        agree(tmp_path / "net.pt", path, x)
    told = [it.count for it in changes.rewrites if it.name == "dimensions"]
    assert told == ([2] if batched else [])
