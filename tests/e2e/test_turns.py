"""Which methods several threads may run at once: a model warns, and two threads meet where it does.

The handler of warnings runs inside of a run. It waits for the other thread, which comes unless the
run has the module for itself.
"""

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Final

import pytest
import torch
from torch import nn

from tests.e2e.real import Runtime, Tool, built
from tests.turns import MODELS

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

HANDLER: Final = ctypes.CFUNCTYPE(None, c_void_p, ctypes.c_char_p)
FLOAT32: Final = 6  # as build_runtime.h numbers it
SHAPE: Final = (1, 1, 2, 2)


@pytest.fixture(scope="module")
def turns(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return one runtime for all models."""
    folder = tmp_path_factory.mktemp("turns")
    paths = []
    for make in MODELS:
        paths.append(folder / f"{make.__name__}.pt")
        torch.jit.script(make().eval()).save(str(paths[-1]))  # type: ignore[no-untyped-call]
    (made,) = built(tool.run(*paths, "--abi", "x86_64", "--json", cwd=folder), folder / "dist")
    return made


class Meeting:
    """Two threads that run one module, and whether they met in it."""

    def __init__(self, library: Path, model: Path, seconds: float) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.br_error_message.restype = ctypes.c_char_p
        self._place = threading.Barrier(2, timeout=seconds)
        self._handler = HANDLER(self._wait)
        self._module = c_void_p()
        self._call("br_module_load_file", str(model).encode(), byref(self._module))
        self._call("br_module_on_warning", self._module, self._handler, None)
        self._met: list[bool] = []

    def hold(self) -> bool:
        """Run both threads to their end."""
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self._run) for _ in range(2)]:
                done.result()
        return all(self._met)

    def _wait(self, _: object, __: object) -> None:
        try:
            self._place.wait()
        except threading.BrokenBarrierError:
            self._met.append(False)
        else:
            self._met.append(True)

    def _run(self) -> None:
        value, result = c_void_p(), c_void_p()
        shape = (c_int64 * len(SHAPE))(*SHAPE)
        data = (ctypes.c_float * 4)()
        self._call(
            "br_value_tensor_copy", FLOAT32, c_size_t(len(SHAPE)), shape, data,
            c_size_t(ctypes.sizeof(data)), byref(value),
        )  # fmt: skip
        self._call(
            "br_module_run", self._module, b"forward", byref(value), c_size_t(1), byref(result)
        )
        self._library.br_value_free(result)
        self._library.br_value_free(value)

    def _call(self, name: str, *arguments: object) -> None:
        error = c_void_p()
        status = getattr(self._library, name)(*arguments, byref(error))
        assert status == 0, self._library.br_error_message(error)


@pytest.mark.parametrize(("make", "keeps"), MODELS.items(), ids=[make.__name__ for make in MODELS])
def test_runs_overlap_unless_they_keep_state(
    make: type[nn.Module],
    keeps: bool,  # noqa: FBT001  a case of the table
    turns: Runtime,
) -> None:
    # who comes in vain waits for so long; who is met waits for no more than the other's start
    seconds = 0.5 if keeps else 60
    meeting = Meeting(turns.library, turns.model(make.__name__), seconds)
    assert meeting.hold() != keeps
