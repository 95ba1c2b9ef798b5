"""All coverage models: what is built from them, what they answer in desktop torch and in a runtime."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from builder.models.reference.__main__ import _to_value
from builder.models.reference.exactness import Watch
from builder.models.reference.rounder import Rounder
from builder.models.reference.rounding import rounding_as_runtimes_do
from builder.models.reference.sensitivity import measure
from builder.proof.compare import compare
from builder.vocabulary.dtypes import DEFAULT_DTYPES, DTYPES, KNOWN_DTYPES, QUANTIZED_DTYPES, Use
from builder.vocabulary.tolerances import Limits
from builder.vocabulary.value_files import Failure, Value
from tests.coverage import (
    called,
    creation,
    language,
    layers,
    linear_algebra,
    pointwise,
    quantized,
    reduction,
    registrar,
    sequences,
    shaping,
    signal,
    sparse,
)
from tests.coverage.values import Arguments, Coverage

DENSE: Final[tuple[Coverage, ...]] = (
    *pointwise.SUITE,
    *reduction.SUITE,
    *linear_algebra.SUITE,
    *signal.SUITE,
    *creation.SUITE,
    *shaping.SUITE,
    *layers.SUITE,
    *sequences.SUITE,
    *language.SUITE,
    *called.SUITE,
)

QUANTIZED: Final = (*quantized.SUITE, *called.QUANTIZED_SUITE)
MODELS: Final = (*DENSE, *QUANTIZED, *sparse.SUITE, *registrar.SUITE)

_QUICK: Final = frozenset({
    "branches", "called_numbers", "called_special", "containers", "convolution", "kinds",
    "normalisation", "oversized", "raises", "recurrent", "text",
})  # fmt: skip
_SPECIAL: Final = frozenset({
    "static_convolutions_per_channel", "dynamic_layers", "lookup_8_bits", "quantized_returned",
    "sparse_questions", "sparse_stored", "fft_real", "stft_later", "called_registered",
})  # fmt: skip
"""One of each kind: CI has to compile what they need from nothing."""


@dataclass(frozen=True)
class Suite:
    """Models that go into one runtime together, and the dtypes its kernels are compiled for."""

    models: tuple[Coverage, ...]
    dtypes: frozenset[str] = DEFAULT_DTYPES

    @property
    def all_dtypes(self) -> bool:
        return self.dtypes >= KNOWN_DTYPES

    def __post_init__(self) -> None:
        """Leave out what cannot work anywhere."""
        object.__setattr__(self, "models", tuple(it for it in self.models if not it.missing))


def _chosen(names: frozenset[str]) -> tuple[Coverage, ...]:
    found = tuple(it for it in MODELS if it.name in names)
    assert len(found) == len(names), "a model that is chosen for CI has another name"
    return found


SUITES: Final = {
    "dense": Suite(DENSE),
    "dtypes": Suite(DENSE, KNOWN_DTYPES),
    "special": Suite(
        _chosen(_SPECIAL),
        DEFAULT_DTYPES | QUANTIZED_DTYPES | signal.CFLOAT,
    ),
    "quantized": Suite(QUANTIZED, DEFAULT_DTYPES | QUANTIZED_DTYPES),
    "sparse": Suite(sparse.SUITE),
    "everything": Suite(MODELS, KNOWN_DTYPES | QUANTIZED_DTYPES),
    "quick": Suite(_chosen(_QUICK)),
}
"""A runtime that meets quantized or sparse tensors resolves all calls for them too: these are apart, so
that the dense ones are proven as users have them."""

_ATEN: Final = {getattr(torch, it.torch): it.name for it in DTYPES if Use.STORED in it.uses}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Let torch say nothing about TorchScript's age, nor models print."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def write(coverage: Coverage, folder: Path) -> tuple[Path, Callable[..., Any]]:
    """Write a model, scripted unless it is a lite one already; return the file, and desktop torch's."""
    with quietly():
        made = coverage.make()
        path = folder / f"{coverage.name}.{'ptl' if isinstance(made, bytes) else 'pt'}"
        if isinstance(made, bytes):
            path.write_bytes(made)
            lite = torch.jit.mobile._load_for_lite_interpreter(str(path))  # type: ignore[no-untyped-call]
            return path, lite
        module = torch.jit.script(made.eval())
        module.save(str(path))  # type: ignore[no-untyped-call]
        return path, module


def dtypes_of(value: object) -> frozenset[str]:
    """Return the ATen names of the dtypes in an argument."""
    if isinstance(value, torch.Tensor):
        return frozenset({_ATEN[value.dtype]})
    if isinstance(value, list | tuple):
        return frozenset().union(*map(dtypes_of, value))
    return frozenset()


def cases_for(coverage: Coverage, dtypes: frozenset[str]) -> list[Arguments]:
    """Return the calls that a runtime with kernels for `dtypes` has to answer."""
    if not coverage.needs <= dtypes:
        return []
    made = coverage.make()
    weights = dtypes_of([] if isinstance(made, bytes) else [*made.state_dict().values()])
    return [case for case in coverage.cases() if dtypes_of(case) | weights <= dtypes]


@dataclass(frozen=True)
class Prepared:
    """A model as a file, what desktop torch answers to its cases, and what these may be off."""

    coverage: Coverage
    path: Path
    cases: list[tuple[Value, ...]]
    expected: list[Value]
    allowed: list[Value]


def prepare(folder: Path, suite: Suite) -> list[Prepared]:
    """Write the models that have a case for the suite's dtypes, and ask desktop torch."""
    prepared = []
    for coverage in suite.models:
        calls = cases_for(coverage, suite.dtypes)
        if not calls:
            continue
        path, module = write(coverage, folder)
        cases = [_plain(case) for case in calls]
        with quietly():
            method = getattr(module, coverage.method)
            expected, allowed = _answers(method, calls, rounds=coverage in QUANTIZED)
        prepared.append(Prepared(coverage, path, cases, expected, allowed))
    return prepared


def _plain(case: Arguments) -> tuple[Value, ...]:
    value = _to_value(case)
    assert isinstance(value, tuple)
    return value


def _answers(
    method: Callable[..., Any], calls: list[Arguments], *, rounds: bool
) -> tuple[list[Value], list[Value]]:
    """Ask desktop torch as a build does: without oneDNN, and rounding as runtimes do."""
    rounding = rounding_as_runtimes_do() if rounds else contextlib.nullcontext()
    with torch.backends.mkldnn.flags(enabled=False), rounding as rounder:

        def run() -> list[Value]:
            return [_answer(method, case, rounder) for case in calls]

        expected = run()
        if rounder is None or not rounder.unsure:
            return expected, [None for _ in calls]
        return expected, measure(rounder, run, expected)


def _answer(method: Callable[..., Any], case: Arguments, rounder: Rounder | None) -> Value:
    try:
        with torch.inference_mode(), Watch(rounder) if rounder else contextlib.nullcontext():
            return _to_value(method(*case))
    except (RuntimeError, torch.jit.Error) as error:
        told = str(error).partition("Debug info for handle")[0]  # which the lite interpreter adds
        return Failure(told.rstrip().splitlines()[-1])


def differences(prepared: Prepared, answers: list[Value]) -> list[str]:
    """Return every place where a runtime answers otherwise; failures must tell the same reason."""
    if len(answers) != len(prepared.expected):
        return [f"{len(answers)} answers for {len(prepared.expected)} cases"]
    found: list[str] = []
    limits = Limits(exact=prepared.coverage.exact)
    rows = zip(prepared.cases, answers, prepared.expected, prepared.allowed, strict=True)
    for number, (case, actual, expected, allowed) in enumerate(rows):
        where = f"case {number} ({', '.join(map(_shown, case))})"
        if prepared.coverage.refused:
            found += _failures(actual, Failure(prepared.coverage.refused), where)
        elif isinstance(expected, Failure):
            found += _failures(actual, expected, where)
        else:
            compared = compare(actual, expected, limits=limits, allowance=allowed)
            found += [f"{where}: {it}" for it in compared.differences]
    return found


def _failures(actual: Value, expected: Failure, where: str) -> list[str]:
    """Torch puts the kind of an exception before its text; the runtime has fields for both."""
    if not isinstance(actual, Failure):
        return [f"{where}: answers where torch fails: {expected.message}"]
    told = expected.message.rpartition(": ")[2]
    # of a check that failed, runtimes tell the condition at most: LibTorch's words are compiled out
    stripped = ("does not hold", ": refused (")
    same = told in actual.message or any(it in actual.message for it in stripped)
    return [] if same else [f"{where}: {actual.message!r} lacks {told!r}"]


def _shown(value: Value) -> str:
    shape = getattr(value, "shape", None)
    return repr(value)[:20] if shape is None else f"{getattr(value, 'dtype', '')}{list(shape)}"


def by_name() -> Mapping[str, Coverage]:
    """Return the models by their names, which are unique."""
    assert len({it.name for it in MODELS}) == len(MODELS)
    return {it.name: it for it in MODELS}
