"""What the fuzzer and the replay of its corpus share: one input in, an answer or a refusal out.

The first byte says which part of a good model the rest replaces, so that mutations get behind the
checksums: the whole file, or one record of a small archive that is laid out well again.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from builder.models.conversion.repack import convert
from builder.models.reading.debug import CALLS, HANDLES
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError, UsageError
from tests.places import RECORDED
from tests.unit.models import forge

_DEBUG: Final = "code/__torch__.py.debug_pkl"
FLATBUFFER: Final = "flatbuffer"
PARTS: Final = (
    "", "bytecode.pkl", "data.pkl", "constants.pkl", HANDLES, CALLS, _DEBUG, "version", FLATBUFFER,
)  # fmt: skip
"""The records an input can be; the empty name is the file itself, the last a flatbuffer."""

FLATBUFFERS: Final = RECORDED / "flatbuffer"
"""Small flatbuffers as torch 2.13 wrote them (`tests/torch/models/test_flatbuffers.py`)."""

_FORBIDDEN: Final = ("import", "exec", "os.system", "os.exec", "subprocess.Popen", "socket.connect")
_watching: list[bool] = [False]


class ForbiddenError(BaseException):
    """The reader did what no model may make it do; no handler for errors catches this."""


def _watch(event: str, details: tuple[object, ...]) -> None:
    if _watching[0] and event in _FORBIDDEN:
        raise ForbiddenError(event, *details)


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[None]:
    """Refuse imports, code and processes for as long as a model is read."""
    _watching[0] = True
    try:
        yield
    finally:
        _watching[0] = False


def part_of(data: bytes) -> str:
    """Return what an input replaces."""
    return PARTS[data[0] % len(PARTS)] if data else ""


def model_of(data: bytes) -> bytes:
    """Return the model file that an input stands for."""
    part = part_of(data)
    return data[1:] if part in ("", FLATBUFFER) else forge.archive(base() | {part: data[1:]})


def base() -> dict[str, bytes]:
    """Return a small model with everything a reader looks at."""
    texts = ("", "def f(x):\n", "net.py")
    place = ("FORMAT_WITH_STRING_TABLE", texts, ((0, (([1], 2, 10), 4, 9), 1),))
    handles = (8, ("__torch__.Net.forward", (("function_debug_handles", ([7, 8, 9],)),)))
    return {
        **forge.lite(),
        HANDLES: forge.pickled(handles),
        CALLS: forge.pickled(((8, 1, "aten::add", (("__torch__.Net", "a"), 1, None, "forward")),)),
        _DEBUG: forge.pickled(place),
    }


def read(data: bytes, path: Path) -> bool:
    """Read the model of one input by way of a file; tell whether it was accepted."""
    model = model_of(data)
    path.write_bytes(model)
    with watched(), suppress(ModelError, UsageError):
        if part_of(data) == FLATBUFFER:
            convert(model, path)
        else:
            read_lite(path)
        return True
    return False


def seeds() -> Iterator[bytes]:
    """Yield inputs that are good models, one for each part."""
    for recorded in sorted(FLATBUFFERS.glob("*.ff")):
        yield bytes([PARTS.index(FLATBUFFER)]) + recorded.read_bytes()
    records = base()
    yield b"\0" + forge.archive(records)
    yield b"\0" + forge.archive(records, deflated=["code/__torch__.py"])
    for number, part in enumerate(PARTS[1:-1], 1):
        yield bytes([number]) + records[part]
    operators = (("aten::to", "dtype", 2), ("aten::relu", ""))
    code = (("LOADC", 0, 0), ("OP", 0, 0), ("JF", 2, 0), ("LOAD", 1, 0), ("OP", 1, 0))
    function = forge.function(operators=operators, instructions=code, types=("List[int]",))
    yield b"\1" + forge.bytecode(function, version=5)
    yield b"\2" + forge.module(
        a=forge.tensor(),
        b=[forge.made("__torch__.torch.classes.quantized", "Packed", (1, forge.tensor()))],
        c={"key": (1.5, True, None)},
    )
