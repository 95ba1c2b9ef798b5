"""Fuzz runs: forged shapes, sizes, indices and dtypes into every coverage model, under sanitizers.

    python -m tests.sanitizers.fuzz_run FOLDER --seconds 1800

Inputs that end the process are written to FOLDER as `crash-MODEL-NUMBER.brvf`, for
`build-runtime-run MODEL.ptl --inputs`. Errors are what should happen, and endless loops may. What
is undefined but goes on is listed at the end, place by place: sizes that overflow are among it.
"""

import argparse
import itertools
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.vocabulary.dtypes import DTYPES as ALL
from builder.vocabulary.value_files import DTYPES, Tensor, Value, encode
from tests.coverage.suite import Prepared
from tests.sanitizers.build import build, make_host
from tests.sanitizers.fuzz import OPTIONS
from tests.sanitizers.toolchain import Sanitizer

_EDGES: Final = (0, 1, -1, 2, 3, 64, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**61, 2**62, 2**63 - 1)
_REALS: Final = (0.0, -0.0, 0.5, -1.5, 1e-45, 1e38, 1e308, math.inf, -math.inf, math.nan)
_SIZES: Final = {it.torch: it.size for it in ALL}
_LARGEST: Final = 1 << 16  # bytes of a tensor: kernels meet more than they can vectorise
_BATCH: Final = 100  # cases for each process
_DEADLINE: Final = 60.0  # seconds for each process
_ENDS_WELL: Final = (0, 6)  # all cases answered, or some with an error


def forge(value: Value, draw: random.Random) -> Value:  # noqa: PLR0911  one for each kind
    """Return a value of the same structure with other content: near the old one, or at an edge."""
    match value:
        case bool():
            return draw.random() < 0.5
        case int():
            edge = draw.choice(_EDGES) * draw.choice((1, 1, -1))
            return edge if draw.random() < 0.5 else max(value, -9) % 2**32 + draw.randint(-3, 3)
        case float():
            return draw.choice((*_REALS, -value, value * 3))
        case Tensor():
            return _forge_tensor(value, draw)
        case list():
            kept = [
                forge(item, draw) for item in value for _ in range(draw.choice((1, 1, 1, 0, 2)))
            ]
            return kept or list(value)
        case tuple():
            return tuple(forge(item, draw) for item in value)
        case dict():
            return {key: forge(item, draw) for key, item in value.items()}
        case _:
            return value


def _forge_tensor(value: Tensor, draw: random.Random) -> Tensor:
    dtype = draw.choice(DTYPES) if draw.random() < 0.2 else value.dtype
    shape = [draw.choice((it, it, it, it + 1, max(it - 1, 0), 0, 1, 17)) for it in value.shape]
    if draw.random() < 0.2:
        shape = [*shape, draw.choice((0, 1, 2))] if draw.random() < 0.5 else shape[1:]
    while math.prod(shape) * _SIZES[dtype] > _LARGEST:
        shape[shape.index(max(shape))] //= 2
    size = math.prod(shape) * _SIZES[dtype]
    if draw.random() < 0.7 and dtype == value.dtype and value.data:
        data = bytes(itertools.islice(itertools.cycle(value.data), size))
    else:
        data = draw.randbytes(size)
    if dtype == "bool":  # other bytes are no bool to C++ itself
        data = bytes(it & 1 for it in data)
    return Tensor(dtype, tuple(shape), data)


@dataclass(frozen=True)
class Finding:
    """Inputs that ended the process: with which status, and what it said."""

    model: str
    case: tuple[Value, ...]
    status: int
    told: str


def attack(
    prepared: Prepared,
    program: Path,
    model: Path,
    draw: random.Random,
    undefined: Counter[str],
) -> Iterator[Finding]:
    """Run forged inputs in one process; where that ends badly, each alone to find which it was."""
    cases = [tuple(forge(it, draw) for it in draw.choice(prepared.cases)) for _ in range(_BATCH)]
    if _bad_end(prepared, program, model, cases, undefined) is None:
        return
    for case in cases:
        if (ended := _bad_end(prepared, program, model, [case], undefined)) is not None:
            yield Finding(prepared.coverage.name, case, *ended)


def _bad_end(
    prepared: Prepared,
    program: Path,
    model: Path,
    cases: Sequence[tuple[Value, ...]],
    undefined: Counter[str],
) -> tuple[int, str] | None:
    """Return None, or the status and the last words of a process that did not end as it should."""
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch, "inputs.brvf")
        inputs.write_bytes(encode(list(cases)))
        try:
            done = subprocess.run(
                [program, model, "--method", prepared.coverage.method, "--inputs", inputs],
                env={**os.environ, **_OPTIONS},
                capture_output=True, text=True, errors="replace", timeout=_DEADLINE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
    undefined.update(_UNDEFINED.findall(done.stderr))
    return None if done.returncode in _ENDS_WELL else (done.returncode, done.stderr[:4000])


_OPTIONS: Final = {
    "ASAN_OPTIONS": f"{OPTIONS['ASAN_OPTIONS']}:max_allocation_size_mb=256",
    "UBSAN_OPTIONS": OPTIONS["UBSAN_OPTIONS"].replace("halt_on_error=1", "halt_on_error=0"),
}
_UNDEFINED: Final = re.compile(r"^(\S+: runtime error: [^\d\n'-]+)", re.MULTILINE)


def main() -> int:
    """Run the command line; exit 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cache = Path(os.environ["BUILD_RUNTIME_CACHE_DIR"]).resolve()
    made = build(Sanitizer.ADDRESS, make_host(cache))
    options.folder.mkdir(parents=True, exist_ok=True)
    draw, found, runs = random.Random(options.seed), 0, 0
    undefined = Counter[str]()
    end = time.monotonic() + options.seconds
    for prepared in itertools.cycle(made.covered):
        if time.monotonic() > end:
            break
        runs += _BATCH
        model = made.model(prepared.coverage.name).path
        for finding in attack(prepared, made.program, model, draw, undefined):
            found += 1
            path = options.folder / f"crash-{finding.model}-{found}.brvf"
            path.write_bytes(encode(finding.case))
            path.with_suffix(".txt").write_text(finding.told)
            sys.stdout.write(f"{path}: status {finding.status}\n")
    for place, count in undefined.most_common():
        sys.stdout.write(f"{count:6} {place}\n")
    sys.stdout.write(f"{runs} runs, {found} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
