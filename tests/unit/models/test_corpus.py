"""What fuzzing found worth keeping is read as the day it was found: an answer or a refusal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit, setrlimit
from typing import Final

import pytest

from tests.fuzz import inputs

CORPUS: Final = Path(__file__).parents[2] / "corpus" / "reader"
KEPT: Final = sorted(CORPUS.iterdir())
MEMORY: Final = 2 << 30  # bytes more than the tests have already


@contextmanager
def little_memory() -> Iterator[None]:
    """Make an allocation out of proportion fail."""
    before = getrlimit(RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * 4096 + MEMORY
    setrlimit(
        RLIMIT_AS, (limit if before[1] == RLIM_INFINITY else min(limit, before[1]), before[1])
    )
    try:
        yield
    finally:
        setrlimit(RLIMIT_AS, before)


def test_the_corpus_is_read_or_refused_at_once(tmp_path: Path) -> None:
    accepted = 0
    started = time.process_time()
    with little_memory():
        for path in KEPT:
            accepted += inputs.read(path.read_bytes(), tmp_path / "net.ptl")
    assert 0 < accepted < len(KEPT)
    assert time.process_time() - started < 30


def test_good_models_are_accepted(tmp_path: Path) -> None:
    for seed in inputs.seeds():
        assert inputs.read(seed, tmp_path / "net.ptl"), inputs.part_of(seed)


def test_the_corpus_is_of_archives_pickles_and_flatbuffers() -> None:
    parts = {inputs.part_of(path.read_bytes()) for path in KEPT}
    assert parts >= {"", "bytecode.pkl", "data.pkl", inputs.FLATBUFFER}


def test_what_a_model_names_is_never_imported(tmp_path: Path) -> None:
    with pytest.raises(inputs.ForbiddenError), inputs.watched():
        __import__("this_is_no_module")
    evil = b"cantigravity\nfly\n(tR."
    for number, part in enumerate(inputs.PARTS[:-1]):
        if part:
            assert not inputs.read(bytes([number]) + b"\x80\x02" + evil, tmp_path / "net.ptl"), part
