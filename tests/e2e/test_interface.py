"""What the C interface tells of a model: extra files, warnings, and why an operator refused."""

import ctypes
import subprocess
import sys
import warnings
from collections.abc import Callable
from ctypes import byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Final

import pytest
import torch

from builder.vocabulary.value_files import encode
from tests.e2e.real import AS_EXPORTED, CLASSIFIER, Runtime, ones

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

EXTRA: Final = {"labels.txt": "cat\ndog\n", "app/scale.bin": "\x00\x01"}
HANDLER: Final = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)
FLOAT32: Final = 6  # these three as build_runtime.h numbers them
NOT_FOUND: Final = 5
WRONG_KIND: Final = 6


CLOSES: Final = """\
import _ctypes, ctypes, sys
library = ctypes.CDLL(sys.argv[1])
assert library.br_operator_count() > 0
_ctypes.dlclose(library._handle)
"""
"""A program that is done with a runtime before it ends."""


class Warns(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        warnings.warn("mind the gap")  # noqa: B028  TorchScript knows no stacklevel
        return x


def save(module: torch.jit.ScriptModule, path: Path) -> Path:
    module._save_for_lite_interpreter(
        str(path), _extra_files=dict(EXTRA), _save_mobile_debug_info=True
    )
    return path


@pytest.fixture(scope="module")
def classifier(runtime: Callable[[str, str], Runtime]) -> Runtime:
    return runtime(AS_EXPORTED, "x86_64")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the classifier as others do: with debug information, and files of the app."""
    loaded = torch.jit.load(str(CLASSIFIER))  # type: ignore[no-untyped-call]
    return save(loaded, tmp_path_factory.mktemp("models") / "classifier.ptl")


@pytest.fixture(scope="module")
def library(classifier: Runtime) -> ctypes.CDLL:
    found = ctypes.CDLL(str(classifier.library))
    for name in ("br_module_extra_file_name", "br_error_message"):
        getattr(found, name).restype = c_char_p
    found.br_module_extra_file_count.restype = c_size_t
    return found


def test_a_program_may_close_it_and_go_on(classifier: Runtime) -> None:
    """As a JVM does when classes are unloaded, or what they need is missing."""
    done = subprocess.run([sys.executable, "-c", CLOSES, classifier.library], check=False)
    assert done.returncode == 0


def load(library: ctypes.CDLL, path: Path) -> c_void_p:
    module, error = c_void_p(), c_void_p()
    status = library.br_module_load_file(str(path).encode(), byref(module), byref(error))
    assert status == 0, library.br_error_message(error)
    return module


def test_extra_files_are_read_by_their_names(library: ctypes.CDLL, model: Path) -> None:
    module = load(library, model)
    count = library.br_module_extra_file_count(module)
    names = [library.br_module_extra_file_name(module, index) for index in range(count + 1)]
    assert names == [*sorted(it.encode() for it in EXTRA), None]
    for name, content in EXTRA.items():
        data, size = c_void_p(), c_size_t()
        wanted = (module, name.encode(), byref(data), byref(size), None)
        assert library.br_module_extra_file(*wanted) == 0
        assert ctypes.string_at(data, size.value) == content.encode()
    data, size, error = c_void_p(), c_size_t(), c_void_p()
    status = library.br_module_extra_file(module, b"none", byref(data), byref(size), byref(error))
    assert status == NOT_FOUND
    assert b"no extra file 'none'" in library.br_error_message(error)
    library.br_error_free(error)
    library.br_module_free(module)


def test_warnings_of_the_model_reach_the_app(
    library: ctypes.CDLL, classifier: Runtime, tmp_path: Path
) -> None:
    path = save(torch.jit.script(Warns()), tmp_path / "warns.ptl")
    module, heard = load(library, path), list[bytes]()
    handler = HANDLER(lambda _, text: heard.append(text))
    assert library.br_module_on_warning(module, handler, None, None) == 0
    tensor, result, shape = c_void_p(), c_void_p(), (c_int64 * 1)(0)
    made = (c_int(FLOAT32), c_size_t(1), shape, None, c_size_t(0), byref(tensor), None)
    assert library.br_value_tensor_copy(*made) == 0
    arguments = (c_void_p * 1)(tensor)
    assert library.br_module_run(module, b"forward", arguments, 1, byref(result), None) == 0
    assert heard == [b"mind the gap"]
    for each in (tensor, result):
        library.br_value_free(each)
    library.br_module_free(module)
    (tmp_path / "in").write_bytes(encode((ones(2),)))
    assert classifier.run(path, "--inputs", tmp_path / "in").stderr == "warning: mind the gap\n"


def test_an_operator_says_what_it_was_given_and_where(classifier: Runtime, tmp_path: Path) -> None:
    layer = torch.nn.Conv2d(3, 8, 3, 2, 1, bias=False)
    traced = torch.jit.trace(layer, torch.ones(1, 3, 32, 32))  # type: ignore[no-untyped-call]
    model = save(traced, tmp_path / "traced.ptl")
    (tmp_path / "in").write_bytes(encode((ones(1, 4, 32, 32),)))
    told = classifier.run(model, "--inputs", tmp_path / "in").stderr
    assert "aten::_convolution(float32[1, 4, 32, 32], float32[8, 3, 3, 3]) at " in told
    assert "test_interface.py:" in told
    assert "does not hold (ATen/native/Convolution.cpp)" in told
    stripped = classifier.model("model")  # what ships has no debug information
    assert " at " not in classifier.run(stripped, "--inputs", tmp_path / "in").stderr


def test_complex_numbers_are_values(library: ctypes.CDLL) -> None:
    value, real, imaginary = c_void_p(), c_double(), c_double()
    assert library.br_value_new_complex(c_double(1.5), c_double(-2.0), byref(value), None) == 0
    assert library.br_value_complex(value, byref(real), byref(imaginary), None) == 0
    assert (real.value, imaginary.value) == (1.5, -2.0)
    assert library.br_value_device(value, byref(c_void_p()), None) == WRONG_KIND
    assert library.br_value_quantization(value, byref(c_void_p()), None) == WRONG_KIND
    library.br_value_free(value)
