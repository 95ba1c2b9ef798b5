"""Our reading of real models agrees with torch's own, and survives every real kind of file."""

import hashlib
import importlib
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.torchscript import read_model
from builder.models.reading.asked_dtypes import DTYPE_PLACES
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import DtypeSize, Method, Model, ModelFormat
from builder.vocabulary.operators import OperatorName, SourceLine
from tests.cpu_time import cpu_seconds

Script = Any  # torch has no types for script modules
TORCH: Final[Any] = torch  # many of its functions have no types either


class Convolution(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.norm(self.convolution(x)).relu()
        result: torch.Tensor = self.linear(features.mean((2, 3)))
        return result


class Control(torch.nn.Module):
    """Loops, branches, strings, dictionaries, and an exception."""

    table: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.names = {"cat": 1, "dog": 2}
        self.register_buffer("table", torch.arange(4, dtype=torch.int16))

    def forward(self, x: torch.Tensor, words: list[str]) -> dict[str, torch.Tensor]:
        result: dict[str, torch.Tensor] = {}
        for word in words:
            if word in self.names:
                result[word] = x * self.names[word]
            elif len(word) > 3:
                message = f"unknown word {word}"
                raise ValueError(message)
            else:
                result["?" + word.upper()] = torch.where(x > 0, x, -x)
        while x.sum() > 10:
            x = x / 2
        result["table"] = self.table.to(torch.float32)
        return result

    @torch.jit.export
    def count(self, words: list[str]) -> int:
        return len(words)

    @torch.jit.export
    def halves(self, x: torch.Tensor) -> tuple[torch.Tensor, float]:
        return x.half().to(torch.bfloat16), float(x.numel()) / 2


SHIFT: Final = torch.tensor([1.0, 2.0], dtype=torch.float64)


class Shift(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + SHIFT


class Text(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(20, 8)
        self.lstm = torch.nn.LSTM(8, 6, num_layers=2, bidirectional=True)
        self.head = torch.nn.Linear(12, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.embedding(tokens))
        return torch.log_softmax(self.head(states[-1]), -1)


def part(name: str) -> Any:
    """Import a part of torch that is slow to load, and without types."""
    return importlib.import_module(f"torch.{name}")


def convolution() -> Script:
    return TORCH.jit.trace(Convolution().eval(), torch.rand(1, 3, 8, 8))


def control() -> Script:
    return torch.jit.script(Control().eval())


def constant() -> Script:
    """Its tensor is part of the code, not of the module."""
    return TORCH.jit.trace(Shift(), torch.rand(2))


def text() -> Script:
    return torch.jit.script(Text().eval())


def half() -> Script:
    return torch.jit.script(torch.nn.Linear(3, 2).half().eval())


def quantized() -> Script:
    model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())
    small = part("ao.quantization").quantize_dynamic(
        model.eval(), {torch.nn.Linear}, dtype=torch.qint8
    )
    return torch.jit.script(small)


def bundled() -> Script:
    inputs = part("utils.bundled_inputs")
    model = convolution()
    inputs.augment_model_with_bundled_inputs(model, [(inputs.bundle_randn(1, 3, 8, 8),)])
    return model


MODELS: Final = (convolution, control, constant, text, half, quantized, bundled)


def lite(model: Script, path: Path) -> Path:
    model._save_for_lite_interpreter(str(path))
    return path


def operators_by_torch(path: Path) -> set[str]:
    mobile = part("jit.mobile")
    return set(mobile._export_operator_list(mobile._load_for_lite_interpreter(str(path))))


def names(model: Model) -> set[str]:
    return {str(name) for name in model.operators}


def without_lines(model: Model) -> list[Method]:
    """Return what methods call: torch orders the constants of code that was loaded otherwise."""
    return [
        replace(it, code=None, operators=tuple(replace(use, lines=()) for use in it.operators))
        for it in model.methods
    ]


@pytest.mark.parametrize("make", MODELS)
def test_operators_agree_with_torch(tmp_path: Path, make: Callable[[], Script]) -> None:
    path = lite(make(), tmp_path / "net.ptl")
    model = read_lite(path)
    assert names(model) == operators_by_torch(path)
    assert (model.format, model.bytecode_version) == (ModelFormat.LITE, 8)


@pytest.mark.parametrize("make", MODELS)
def test_conversion_keeps_everything(
    tmp_path: Path, real: Host, make: Callable[[], Script]
) -> None:
    script = make()
    script.save(str(tmp_path / "net.pt"))
    converted = read_model(tmp_path / "net.pt", real)
    direct = read_lite(lite(script, tmp_path / "direct.ptl"))
    assert converted.name == "net"
    assert without_lines(converted) == without_lines(direct)
    assert (converted.root, converted.types) == (direct.root, direct.types)
    assert (converted.weights, converted.duplicates) == (direct.weights, direct.duplicates)
    assert converted.argument_dtypes == direct.argument_dtypes
    assert (converted.classes, converted.dtypes) == (direct.classes, direct.dtypes)
    assert converted.bundled_inputs == direct.bundled_inputs


def test_what_is_seen_of_each_kind(tmp_path: Path) -> None:
    several = read_lite(lite(control(), tmp_path / "a.ptl"))
    assert [method.name.rpartition(".")[2] for method in several.methods] == [
        "count",
        "forward",
        "halves",
    ]
    assert {"LOOP", "JF", "RAISE_EXCEPTION", "DICT_CONSTRUCT"} <= several.methods[1].opcodes
    assert several.dtypes == {"Short"}
    packed = read_lite(lite(quantized(), tmp_path / "b.ptl"))
    assert packed.classes == {"quantized.LinearPackedParamsBase"}
    assert packed.dtypes >= {"QInt8", "Float"}
    assert read_lite(lite(half(), tmp_path / "c.ptl")).dtypes == {"Half"}
    assert read_lite(lite(constant(), tmp_path / "e.ptl")).dtypes == {"Double"}
    assert read_lite(lite(bundled(), tmp_path / "d.ptl")).bundled_inputs
    assert not several.bundled_inputs


def lines_of(model: Model, operator: str) -> set[SourceLine]:
    name = OperatorName.parse(operator)
    uses = (use for method in model.methods for use in method.operators if use.name == name)
    return {line for use in uses for line in use.lines}


def line_with(text: str, *, shown: str = "") -> SourceLine:
    """Return the line of this file that has a text, told as debug information does."""
    for number, line in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() == text:
            return SourceLine(__file__, number, shown or text)
    raise AssertionError(text)


def test_operators_are_traced_to_the_lines_of_the_model(tmp_path: Path, real: Host) -> None:
    path = tmp_path / "a.ptl"
    control()._save_for_lite_interpreter(str(path), _save_mobile_debug_info=True)
    control().save(str(tmp_path / "b.pt"))
    for model in (read_lite(path), read_model(tmp_path / "b.pt", real)):
        assert model.debug_info
        assert lines_of(model, "aten::where.self") == {
            line_with('result["?" + word.upper()] = torch.where(x > 0, x, -x)')
        }
        assert lines_of(model, "aten::numel") == {
            line_with("return x.half().to(torch.bfloat16), float(x.numel()) / 2")
        }
    assert not read_lite(lite(control(), path)).debug_info


def test_calls_of_library_code_have_the_line_that_led_there(tmp_path: Path, real: Host) -> None:
    features = "features: torch.Tensor = self.norm(self.convolution(x)).relu()"
    script: Script = torch.jit.script(Convolution().eval())
    script.save(str(tmp_path / "a.pt"))
    scripted = read_model(tmp_path / "a.pt", real)
    assert lines_of(scripted, "aten::conv2d") == {line_with(features)}
    convolution().save(str(tmp_path / "b.pt"))
    traced = read_model(tmp_path / "b.pt", real)
    assert lines_of(traced, "aten::relu") == {line_with(features, shown="forward")}


def test_dtypes_that_code_asks_for(tmp_path: Path) -> None:
    assert read_lite(lite(control(), tmp_path / "a.ptl")).argument_dtypes == {
        "BFloat16",
        "Float",
        "Half",
    }


def test_the_dtype_stands_where_torch_has_it() -> None:
    known: dict[str, Any] = {}
    for schema in TORCH._C._jit_get_all_schemas():
        overload = f".{schema.overload_name}" if schema.overload_name else ""
        known[f"{schema.name}{overload}"] = schema
    for name, place in DTYPE_PLACES.items():
        assert known[name].arguments[place].name == "dtype", name


def test_weights_are_told_by_dtype(tmp_path: Path) -> None:
    model = read_lite(lite(quantized(), tmp_path / "a.ptl"))
    assert DtypeSize("QInt8", 1, 32) in model.weights
    assert read_lite(lite(half(), tmp_path / "b.ptl")).weights == (DtypeSize("Half", 2, 16),)


def test_conversion_depends_on_the_content_alone(tmp_path: Path, real: Host) -> None:
    first, second = tmp_path / "one" / "a.pt", tmp_path / "two" / "b.pt"
    first.parent.mkdir()
    second.parent.mkdir()
    convolution().save(str(first))
    shutil.copy(first, second)
    one = read_model(first, real)
    two = read_model(second, real)
    assert one.path != two.path
    assert one.path.read_bytes() == two.path.read_bytes()
    assert str(tmp_path).encode() not in one.path.read_bytes()


def test_the_converted_model_computes_the_same(tmp_path: Path, real: Host) -> None:
    script = convolution()
    script.save(str(tmp_path / "net.pt"))
    model = read_model(tmp_path / "net.pt", real)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(part("jit.mobile")._load_for_lite_interpreter(str(model.path))(x), script(x))


def test_files_that_ride_along_survive(tmp_path: Path, real: Host) -> None:
    extra = {"labels.txt": "cat\ndog", "raw.bin": b"\xff\x00\xfe"}
    torch.jit.save(convolution(), str(tmp_path / "net.pt"), _extra_files=extra)
    model = read_model(tmp_path / "net.pt", real)
    found: dict[str, Any] = dict.fromkeys(extra, "")
    TORCH.jit.load(str(model.path), _extra_files=found)
    assert {name: bytes(value) for name, value in found.items()} == {
        "labels.txt": b"cat\ndog",
        "raw.bin": b"\xff\x00\xfe",
    }


def test_torch_says_why_it_cannot_convert(tmp_path: Path, real: Host) -> None:
    """An object of a class that is no module cannot leave a lite model."""
    source = tmp_path / "pair.py"
    source.write_text(
        "import torch\n"
        "@torch.jit.script\n"
        "class Pair:\n"
        "    def __init__(self, x: torch.Tensor):\n"
        "        self.x = x\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x: torch.Tensor) -> Pair:\n"
        "        return Pair(x)\n"
        "torch.jit.script(Net()).save('net.pt')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", source], cwd=tmp_path, check=True)
    with pytest.raises(ModelError) as caught:
        read_model(tmp_path / "net.pt", real)
    assert "not supported in lite interpreter" in caught.value.message
    assert "frame #" not in caught.value.message
    assert "Traceback" not in caught.value.message


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (
            lambda net, path: torch.save(net.state_dict(), path),
            "a state_dict written by torch.save",
        ),
        (torch.save, "test_read_model.Convolution"),
        (lambda net, path: torch.save({"epoch": 1, "net": net.state_dict()}, path), "epoch, net"),
        (lambda _, path: torch.save(torch.ones(2), path), "a single tensor"),
        (
            lambda net, path: torch.save(
                net.state_dict(), path, _use_new_zipfile_serialization=False
            ),
            "old format of torch.save",
        ),
    ],
)
def test_other_files_of_torch_are_named(
    tmp_path: Path, real: Host, save: Callable[[Any, Path], None], message: str
) -> None:
    path = tmp_path / "net.pt2"
    save(Convolution().eval(), path)
    with pytest.raises(ModelError) as caught:
        read_model(path, real)
    assert message in caught.value.message
    assert caught.value.hint


def test_real_files_with_flipped_bits_and_cuts_are_refused(tmp_path: Path) -> None:
    """Bits in compressed source may be without effect; all others are seen."""
    path = lite(convolution(), tmp_path / "net.ptl")
    good, data = read_lite(path), path.read_bytes()
    dice = random.Random(5)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            assert read_lite(path).methods == good.methods
        except ModelError:
            refused += 1
    assert refused > 295
    for length in range(0, len(data), 101):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError):
            read_lite(path)


def test_a_large_model_is_read_fast_and_without_torch(tmp_path: Path) -> None:
    """14 MB, the size of MobileNetV2, in a process of its own."""
    layers = [torch.nn.Linear(260, 260) for _ in range(52)]
    path = lite(torch.jit.script(torch.nn.Sequential(*layers)), tmp_path / "big.ptl")
    assert path.stat().st_size > 14_000_000
    code = (
        "import sys; from pathlib import Path; from builder.models.reading.lite import read_lite\n"
        f"read_lite(Path({str(path)!r}))\n"
        "assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    assert min(cpu_seconds([sys.executable, "-c", code]) for _ in range(3)) < 0.3


def double(x: torch.Tensor) -> torch.Tensor:
    return x + x


def test_a_scripted_function_is_a_model(tmp_path: Path, real: Host) -> None:
    TORCH.jit.script(double).save(str(tmp_path / "net.pt"))
    assert names(read_model(tmp_path / "net.pt", real)) == {"aten::add.Tensor"}


def test_the_hash_is_that_of_the_file_that_ships(tmp_path: Path, real: Host) -> None:
    convolution().save(str(tmp_path / "net.pt"))
    model = read_model(tmp_path / "net.pt", real)
    assert model.sha256 == hashlib.sha256(model.path.read_bytes()).hexdigest()


def test_a_stored_sparse_tensor_is_known(tmp_path: Path, real: Host) -> None:
    class Sparse(torch.nn.Module):
        weight: torch.Tensor

        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("weight", weight)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.mm(self.weight, x)

    for weight, expected in ((torch.eye(3).to_sparse(), True), (torch.eye(3), False)):
        path = tmp_path / f"{expected}.pt"
        torch.jit.script(Sparse(weight)).save(str(path))  # type: ignore[no-untyped-call]
        assert read_model(path, real).sparse == expected
