"""What the child process answers that runs a model in desktop torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder.vocabulary.value_files import Tensor, decode

pytestmark = pytest.mark.torch

SCRIPT = """
def forward(self, x: Tensor, scale: float = 2.0) -> Dict[str, Tensor]:
    if x.numel() == 0:
        raise ValueError("nothing to do")
    return {"y": x * scale, "mean": x.to(torch.float32).mean()}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch  # noqa: PLC0415

    module: Any = torch.jit.ScriptModule()
    module.define(SCRIPT)
    path = tmp_path_factory.mktemp("models") / "net.pt"
    module.save(str(path))
    module._save_for_lite_interpreter(str(path.with_suffix(".ptl")))
    return path


FILES = ("inputs", "expected", "allowed", "faster")


class Answer:
    """One run of the reference: its exit code, and the value files it wrote."""

    def __init__(self, model: Path, folder: Path, spec: dict[str, Any], *, lite: bool) -> None:
        from builder.models.reference.__main__ import main  # noqa: PLC0415

        inputs, expected, allowed, faster = (folder / it for it in FILES)
        ptl = model.with_suffix(".ptl")
        document = {"lite": lite, "ptl": str(ptl), **spec}
        files = map(str, (ptl if lite else model, inputs, expected, allowed, faster))
        self.status = main([next(files), json.dumps(document), *files])
        self.inputs: Any = decode(inputs.read_bytes()) if inputs.exists() else None
        self.expected: Any = decode(expected.read_bytes()) if expected.exists() else None
        self.allowed: Any = decode(allowed.read_bytes()) if allowed.exists() else None


@pytest.mark.parametrize("lite", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_shapes_are_filled_and_the_answer_is_torchs(
    model: Path, tmp_path: Path, lite: bool  # noqa: FBT001
) -> None:  # fmt: skip
    spec = {"shapes": [[2, 3]], "dtypes": ["float32"]}
    answer = Answer(model, tmp_path, spec, lite=lite)
    assert answer.status == 0
    assert isinstance(answer.inputs, list)
    assert isinstance(answer.expected, list)
    ((x,),) = answer.inputs
    (y,) = answer.expected
    assert isinstance(x, Tensor)
    assert isinstance(y, dict)
    assert (x.dtype, x.shape) == ("float32", (2, 3))
    np.testing.assert_allclose(_numpy(y["y"]), 2 * x.numpy())
    assert y.keys() == {"y", "mean"}


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16", "float64"])
@pytest.mark.filterwarnings("ignore")
def test_every_dtype_can_be_made(model: Path, tmp_path: Path, dtype: str) -> None:
    answer = Answer(model, tmp_path, {"shapes": [[4]], "dtypes": [dtype]}, lite=False)
    assert answer.status == 0
    ((x,),) = answer.inputs
    assert isinstance(x, Tensor)
    assert x.dtype == dtype


@pytest.mark.filterwarnings("ignore")
def test_equal_runs_give_equal_files(model: Path, tmp_path: Path) -> None:
    spec = {"shapes": [[5]], "dtypes": ["float32"]}
    answers = []
    for name in "ab":
        (tmp_path / name).mkdir()
        answers.append(Answer(model, tmp_path / name, spec, lite=False))
    assert answers[0].inputs == answers[1].inputs
    assert answers[0].expected == answers[1].expected


@pytest.mark.filterwarnings("ignore")
def test_files_hold_the_arguments(model: Path, tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    torch.save((torch.ones(2), 3.0), tmp_path / "tuple.pt")
    torch.save(torch.ones(2), tmp_path / "tensor.pt")
    np.savez(tmp_path / "arrays.npz", x=np.ones(2, "float32"))
    files = [str(tmp_path / name) for name in ("tuple.pt", "tensor.pt", "arrays.npz")]
    answer = Answer(model, tmp_path, {"files": files}, lite=False)
    assert answer.status == 0
    assert isinstance(answer.expected, list)
    doubled = [_numpy(it["y"]).tolist() for it in answer.expected]
    assert doubled == [[3.0, 3.0], [2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("name", "content"), [("gone.pt", None), ("text.pt", b"text"), ("text.npz", b"text")]
)
@pytest.mark.filterwarnings("ignore")
def test_wrong_inputs_end_with_2_and_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, content: bytes | None,
) -> None:  # fmt: skip
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = Answer(model, tmp_path, {"files": [str(tmp_path / name)]}, lite=False)
    assert answer.status == 2
    assert answer.expected is None
    told = capsys.readouterr().err.strip()
    assert told.count("\n") == 0
    if name == "text.pt":
        assert "text.pt is neither what torch.save wrote nor an .npz archive" in told


@pytest.mark.filterwarnings("ignore")
def test_inputs_that_no_runtime_takes_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch  # noqa: PLC0415

    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)
    torch.save((quantized,), tmp_path / "quantized.pt")
    spec = {"files": [str(tmp_path / "quantized.pt")]}
    assert Answer(model, tmp_path, spec, lite=False).status == 2
    assert "a runtime takes no quint8 tensor: quantize it inside" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_inputs_are_not_unpickled_blindly(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch  # noqa: PLC0415

    torch.save((print,), tmp_path / "evil.pt")
    assert Answer(model, tmp_path, {"files": [str(tmp_path / "evil.pt")]}, lite=False).status == 2
    told = capsys.readouterr().err
    assert "print was not an allowed global" in told
    assert "weights_only" not in told, "torch's advice to load it without care is not passed on"


@pytest.mark.parametrize(
    ("sizes", "reason"), [((0,), "nothing to do"), ((1, 1, 1, 1), "expected at most 3")]
)
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_fails_ends_with_3_and_its_reason(
    model: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    sizes: tuple[int, ...],
    reason: str,
) -> None:
    spec = {"shapes": [[it] for it in sizes], "dtypes": ["float32"] * len(sizes)}
    for lite in (False, True):
        answer = Answer(model, tmp_path, spec, lite=lite)
        assert answer.status == 3
        assert answer.expected is None
        assert reason in capfd.readouterr().err.casefold().splitlines()[-1]


@pytest.mark.filterwarnings("ignore")
def test_a_model_of_another_device_runs_here(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    class Away(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.to("cuda")

    module: Any = torch.jit.script(Away())
    module.save(str(tmp_path / "net.pt"))
    module._save_for_lite_interpreter(str(tmp_path / "net.ptl"))
    spec = {"shapes": [[2]], "dtypes": ["float32"]}
    answer = Answer(tmp_path / "net.pt", tmp_path, spec, lite=False)
    assert answer.status == 0
    assert answer.expected == [answer.inputs[0][0]]


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_what_was_computed_in_floats_may_be_rounded_to_the_next_number(
    tmp_path: Path, computed: bool  # noqa: FBT001
) -> None:  # fmt: skip
    import torch  # noqa: PLC0415

    class Rounding(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.softmax(-1) * 9 if computed else x
            return torch.quantize_per_tensor(x, 0.1, 3, torch.quint8).dequantize()

    trace: Any = torch.jit.trace
    module = trace(Rounding(), torch.ones(2, 2))
    path = tmp_path / "net.pt"
    module.save(str(path))
    module._save_for_lite_interpreter(str(path.with_suffix(".ptl")))
    answer = Answer(
        path, tmp_path, {"shapes": [[64, 64]], "dtypes": ["float32"], "rounds": True}, lite=False
    )
    if not computed:
        assert answer.allowed is None
        return
    ((farthest, together),) = answer.allowed
    assert farthest == pytest.approx(0.2)  # two steps
    assert 0 < together < farthest / 4


def _numpy(value: Any) -> Any:
    assert isinstance(value, Tensor)
    return value.numpy()
