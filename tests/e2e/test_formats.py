"""What `docs/formats.md` says is read and checked also loads and answers, in a real runtime."""

import importlib
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from builder.foundation.process import Host, SubprocessRunner
from builder.libtorch.cuts import all_cuts, cut_instructions
from builder.models.conversion.torchscript import read_model
from builder.models.reading.bytecode import OPCODES
from builder.models.reading.lite import read_lite
from builder.vocabulary.errors import ModelError
from builder.vocabulary.value_files import Failure, Tensor
from tests.docs.pages import FORMATS, table
from tests.e2e.real import AS_EXPORTED, BAD_MODEL, CLASSIFIER, Runtime, ones
from tests.unit.models import forge, history
from tests.unit.models.test_history import passes

INPUT: Final = Tensor("float32", (1, 2), np.array(history.INPUT, "float32").tobytes())
OUTPUT: Final = Tensor("float32", (1, 2), np.array(history.OUTPUT, "float32").tobytes())
STEPS: Final = tuple(it for it in OPCODES if it not in cut_instructions(all_cuts()))
"""The instructions that the runtime was not built without."""

MUTANTS: Final = 200
"""Of each version."""
READ: Final = history.BYTECODES[1:]


@pytest.fixture
def made(runtime: Callable[[str, str], Runtime]) -> Runtime:
    return runtime(AS_EXPORTED, "x86_64")


def loads(made: Runtime, path: Path) -> int:
    done = subprocess.run(
        [made.program, path, "--methods"], capture_output=True, check=False, timeout=60
    )
    return done.returncode


@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("version", history.BYTECODES)
def test_lite_models_load_and_answer(
    version: int, *, lowered: bool, made: Runtime, tmp_path: Path
) -> None:
    path = forge.write(tmp_path / "net.ptl", history.lite(version, lowered=lowered))
    *_, load, answers = table(FORMATS, "bytecode version")[str(version)]
    assert (loads(made, path) == 0) == (load == "yes") == (answers == "yes")
    if load == "yes":
        answer, raised = made.run_cases(path, [(INPUT, False), (INPUT, True)], tmp_path)
        assert answer == OUTPUT
        assert isinstance(raised, Failure)
        assert raised.message.endswith(history.MESSAGE)


@pytest.mark.parametrize("version", history.LOWERED)
def test_what_torch_lowers_loads_and_answers(version: int, made: Runtime, tmp_path: Path) -> None:
    whole, lowered = made.model(CLASSIFIER.stem), tmp_path / "net.ptl"
    lower = importlib.import_module("torch.jit.mobile")._backport_for_mobile
    assert lower(str(whole), str(lowered), version)
    assert passes(read_lite(lowered))
    case = (ones(1, 3, 32, 32),)
    assert made.run_cases(lowered, [case], tmp_path) == made.run_cases(whole, [case], tmp_path)


def test_a_method_without_a_schema_is_given_as_many_arguments_as_it_takes(
    made: Runtime, tmp_path: Path
) -> None:
    path = forge.write(tmp_path / "net.ptl", history.lite(4, schema=False))
    good, few, many = made.run_cases(path, [(INPUT, False), (INPUT,), (INPUT,) * 3], tmp_path)
    assert good == OUTPUT
    for failure, given in ((few, 1), (many, 3)):
        assert isinstance(failure, Failure)
        assert failure.message == f"'forward' takes 2 arguments, got {given}"


@pytest.mark.parametrize("version", history.FILES)
def test_torchscript_loads_and_answers(version: int, made: Runtime, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    host = Host(env=env, runner=SubprocessRunner(), cache=tmp_path / "cache", jobs=1)
    path = forge.write(tmp_path / "net.pt", history.torchscript(version))
    (found,) = made.run_cases(read_model(path, host).path, [(INPUT,)], tmp_path)
    *_, load, answers = table(FORMATS, "file version")[str(version)]
    answer = (OUTPUT, history.COUNTS, history.NAMES)
    assert (found == answer) == (load == "yes") == (answers == "yes")


def mutants(version: int) -> Iterator[bytes]:
    """Yield models of a bytecode version with some instructions, and some operands, of others."""
    chosen = random.Random(version)
    name, ((_, steps), *rest), *schema = history.forward(version, lowered=chosen.random() < 0.5)
    for _ in range(MUTANTS):
        changed = list(steps)
        for _ in range(chosen.randint(1, 2)):
            at = chosen.randrange(len(changed))
            opcode, first, second = changed[at]
            opcode = chosen.choice((opcode, opcode, chosen.choice(STEPS)))
            changed[at] = (opcode, first + chosen.randint(-1, 1), second + chosen.randint(0, 1))
        written = (name, (("instructions", tuple(changed)), *rest), *schema)
        yield forge.archive(
            {**history.lite(version), "bytecode.pkl": forge.bytecode(written, version=version)}
        )


@pytest.mark.parametrize("version", READ)
def test_what_check_accepts_loads_and_nothing_else(
    version: int, made: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "net.ptl"
    seen: Counter[bool] = Counter()
    for data in mutants(version):
        path.write_bytes(data)
        try:
            accepted = passes(read_lite(path))
        except ModelError:  # what no instruction leads to is refused, too
            continue
        assert loads(made, path) == (0 if accepted else BAD_MODEL), data
        seen[accepted] += 1
    assert min(seen[True], seen[False]) > MUTANTS // 20
