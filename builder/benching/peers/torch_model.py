"""The model in desktop torch as it is, timed as the program of a runtime times itself."""

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from builder.benching.figures import Sample
from builder.benching.programs import WARMUP
from builder.models.reference.originals import load_original
from builder.vocabulary.value_files import Tensor, Value, decode

MICROSECONDS: Final = 1e6


class Timed:
    """A loaded peer. `call` runs the model once."""

    def __init__(self, load: Callable[[], Callable[[], object]]) -> None:
        """Load it, run it for the first time, and until it has settled."""
        began = time.perf_counter()
        self._call = load()
        self._load = (time.perf_counter() - began) * MICROSECONDS
        began = time.perf_counter()
        self._call()
        self._first = (time.perf_counter() - began) * MICROSECONDS
        for _ in range(WARMUP):
            self._call()
        self.run = self.sample(1).wall

    def sample(self, runs: int) -> Sample:
        """Time so many runs."""
        cpu: list[float] = []
        wall: list[float] = []
        for _ in range(runs):
            clock, used = time.perf_counter(), time.process_time()
            self._call()
            wall.append((time.perf_counter() - clock) * MICROSECONDS)
            cpu.append((time.process_time() - used) * MICROSECONDS)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Sample(
            cpu=statistics.median(cpu), wall=statistics.median(wall), p90=_within(wall, 90),
            p99=_within(wall, 99), load=self._load, first=self._first, peak=peak,
        )  # fmt: skip


def _within(times: list[float], percent: int) -> float:
    """Return the shortest time that so many of a hundred runs took no longer than."""
    return sorted(times)[-(-len(times) * percent // 100) - 1]


def read_case(inputs: Path) -> tuple[Any, ...]:
    """Return the arguments of the first case of a value file, as torch takes them."""
    cases = decode(inputs.read_bytes())
    assert isinstance(cases, list)
    (*case,) = _to_torch(cases[0])
    return tuple(case)


def _to_torch(value: Value) -> Any:  # noqa: ANN401  a tensor, or what Python has
    if isinstance(value, Tensor):
        kind = getattr(torch, value.dtype)
        if 0 in value.shape:
            return torch.empty(value.shape, dtype=kind)
        return torch.frombuffer(bytearray(value.data), dtype=kind).reshape(value.shape)
    if isinstance(value, list | tuple):
        return type(value)(_to_torch(item) for item in value)
    if isinstance(value, dict):
        return {_to_torch(key): _to_torch(item) for key, item in value.items()}
    return value


def torch_peer(model: Path, kind: tuple[str, ...], inputs: Path, threads: int) -> Timed:
    """Load a model in desktop torch with so many threads, and nothing else changed."""
    torch.set_num_threads(threads)
    case = read_case(inputs)

    def load() -> Callable[[], object]:
        loaded = load_original(model, dict.fromkeys(kind, True))

        def run() -> object:
            with torch.inference_mode():
                return loaded(*case)

        return run

    return Timed(load)
