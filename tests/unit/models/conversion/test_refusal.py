"""A model that torch does not convert is refused with the cause, and torch is asked once."""

import sys
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.preflight.problems import LackingError
from builder.vocabulary.errors import ModelError
from tests.conftest import FakeRunner
from tests.unit.models import forge

PYTHON: Final = Path(sys.executable).name
HEAD: Final = "class Net(Module):\n  def forward(self: __torch__.Net, x: Tensor) -> Tensor:\n"
FORK: Final = HEAD + "    f = fork(__f)\n    with _0:\n      return torch.wait(f)\n"
EXTENSION: Final = HEAD + "    return torch.of_tomorrow(ops.torchvision.nms(x, ops.shop.tax(x)))\n"
ONE_DNN: Final = HEAD + "    return ops.prim.mkldnn_convolution(x)\n"

UNDEFINED: Final = "required keyword attribute 'value' is undefined"
NO_MEMORY: Final = (
    "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to"
    " allocate 9 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.fixture
def asked(tmp_path: Path, host: Host, runner: FakeRunner) -> tuple[Path, Host, FakeRunner]:
    """Return a folder for models, a host, and what it is asked to run."""
    return tmp_path, host, runner


def written(folder: Path, code: str = HEAD) -> Path:
    records = forge.torchscript() | {"code/__torch__.py": code.encode()}
    return forge.write(folder / "net.pt", records)


def refusal(path: Path, host: Host) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_model(path, host)
    return caught.value


def test_what_an_extension_has_is_told_without_torch(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    told = refusal(written(tmp_path, EXTENSION), host)
    assert isinstance(told, LackingError)
    assert [it.subject for it in told.problems] == [
        "aten::of_tomorrow", "shop::tax", "torchvision::nms",
    ]  # fmt: skip
    assert "name C++ that registers it: --ops-source FILE.cpp" in told.hint
    assert not runner.commands


@pytest.mark.parametrize(
    ("code", "said", "subject"),
    [
        (FORK, "FORK is not supported in mobile module.", "instruction FORK"),
        (FORK, "ENTER is not supported in mobile module.", "instruction ENTER"),
        (ONE_DNN, UNDEFINED, "prim::mkldnn_convolution"),
    ],
)
def test_the_advice_is_reached_when_the_conversion_fails(
    code: str, said: str, subject: str, asked: tuple[Path, Host, FakeRunner]
) -> None:
    folder, host, runner = asked
    runner.answer(PYTHON, said, status=1)
    told = refusal(written(folder, code), host)
    assert isinstance(told, LackingError)
    assert [it.subject for it in told.problems] == [subject]
    assert "torch.jit.load" not in told.hint
    # torch's own words are told besides where they are about something else
    assert (f"torch: {said}" in told.message) is (said == UNDEFINED)


def test_torch_has_the_word_where_the_code_tells_nothing(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    said = 'Unknown builtin op: aten::gone.\n:\n  File "net.py", line 5\n' + "call\n" * 20
    runner.answer(PYTHON, said + "Exception raised from x\nframe #0: libc\n", status=1)
    path = written(tmp_path)
    told = refusal(path, host)
    lines = told.message.splitlines()
    assert lines[:2] == [
        f"torch cannot convert {path} to a lite model", "    Unknown builtin op: aten::gone.",
    ]  # fmt: skip
    assert lines[-1] == "    … and 11 more lines"
    assert "export it again" in told.hint


def test_torch_is_asked_once(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer(PYTHON, "FORK is not supported in mobile module.", status=1)
    path = written(tmp_path, FORK)
    first = refusal(path, host)
    (tmp_path / "other").mkdir()
    again = refusal(path.rename(tmp_path / "other" / "renamed.pt"), host)
    assert len(runner.commands) == 1
    assert str(again) == str(first).replace("used by net", "used by renamed")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (NO_MEMORY, 1),
        ("MemoryError", 1),
        ("std::bad_alloc", 1),
        ("PytorchStreamWriter failed writing file data/0: file write failed", 1),
        ("", 1),
        ("", -9),
    ],
)
def test_what_may_be_the_fault_of_the_machine_is_asked_again(
    said: str, status: int, tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer(PYTHON, said, status=status)
    path = written(tmp_path)
    refusal(path, host)
    refusal(path, host)
    assert len(runner.commands) == 2


@pytest.mark.parametrize("kept", [b"", b"\xff\xfe"])
def test_a_damaged_note_is_made_anew(
    kept: bytes, tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer(PYTHON, "FORK is not supported in mobile module.", status=1)
    path = written(tmp_path, FORK)
    refusal(path, host)
    (note,) = host.cache.rglob("refusal.txt")
    note.write_bytes(kept)
    refusal(path, host)
    assert len(runner.commands) == 2
    assert note.read_text() == "FORK is not supported in mobile module."
