"""Files that no exporter writes: the runtime answers with an error, and never crashes."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.vocabulary.targets import Abi, Platform, make_target, target_facts
from tests.e2e.real import BAD_MODEL, CLASSIFIER, EMULATORS, Runtime
from tests.sanitizers.malformed import FOUND, malformed, seeds, variations
from tests.unit.models import forge

RUN_FAILED = 6
"""What `build-runtime-run` returns when a case failed."""


def load(made: Runtime, model: Path, *runner: object) -> tuple[int, str]:
    done = subprocess.run(
        [*map(str, runner), made.program, model, "--methods"],
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("abi", ["x86_64", "armeabi-v7a"])  # sizes wrap around earlier in 32 bits
def test_what_no_exporter_writes_is_refused(
    abi: str,
    runtime: Callable[[str, str], Runtime],
    require: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    made = runtime("classifier", abi)
    sysroot = target_facts(make_target(Platform.LINUX, Abi(abi))).sysroot
    runner = (require(EMULATORS[abi]), "-L", sysroot) if abi in EMULATORS else ()
    model = tmp_path / "model.ptl"
    for title, data in malformed():
        model.write_bytes(data)
        code, said = load(made, model, *runner)
        assert code == BAD_MODEL, f"{title}: {code} {said}"
        assert said.startswith("error: "), title
        assert len(said.splitlines()) == 1, title


def test_a_result_of_more_bytes_than_memory_is_an_error(
    runtime: Callable[[str, str], Runtime], tmp_path: Path
) -> None:
    """One element, repeated so often that the number of bytes wraps around to those of one."""
    repeated = forge.tensor(forge.storage(count=1), sizes=((1 << 62) + 1,), strides=(0,))
    code = forge.function(
        operators=(),
        instructions=(("STORE", 1, 0), ("LOAD", 1, 0), ("GET_ATTR", 0, 0), ("RET", 0, 0)),
    )
    records = {
        **forge.lite(),
        "bytecode.pkl": forge.bytecode(code),
        "data.pkl": forge.module(weight=repeated),
    }
    model = forge.write(tmp_path / "model.ptl", records)
    done = runtime("classifier", "x86_64").run(model, "--outputs", tmp_path / "outputs")
    assert done.returncode == RUN_FAILED, done.stderr
    assert "more bytes than memory" in done.stderr


def test_the_same_without_the_damage_is_loaded(
    runtime: Callable[[str, str], Runtime], tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    model = tmp_path / "model.ptl"
    for title, data in seeds():
        model.write_bytes(data)
        assert load(made, model) == (0, ""), title


def test_no_cut_and_no_flipped_bit_does_harm(
    runtime: Callable[[str, str], Runtime], tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    model = tmp_path / "model.ptl"
    answers: Counter[int] = Counter()
    for title, data in variations():
        model.write_bytes(data)
        code, said = load(made, model)
        assert code in (0, BAD_MODEL), f"{title}: {code} {said}"
        answers[code] += 1
    assert answers[BAD_MODEL] > answers[0] > 0


def test_what_the_fuzzer_found_stays_refused(runtime: Callable[[str, str], Runtime]) -> None:
    made = runtime("classifier", "x86_64")
    for path in sorted(FOUND.glob("*.ptl")):
        code, said = load(made, path)
        assert code == BAD_MODEL, f"{path.name}: {code} {said}"


def test_a_real_model_with_a_wrong_checksum_is_refused(
    runtime: Callable[[str, str], Runtime], tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    whole = made.model(CLASSIFIER.stem).read_bytes()
    place = whole.index(b"instructions")
    damaged = tmp_path / "model.ptl"
    damaged.write_bytes(whole[:place] + b"I" + whole[place + 1 :])
    code, said = load(made, damaged)
    assert code == BAD_MODEL
    assert "the model is damaged: " in said
