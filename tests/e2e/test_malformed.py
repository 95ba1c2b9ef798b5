"""Files that no exporter writes: the runtime answers with an error, and never crashes."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.e2e.real import BAD_MODEL, CLASSIFIER, Runtime
from tests.sanitizers.malformed import FOUND, malformed, seeds, variations


def load(made: Runtime, model: Path) -> tuple[int, str]:
    done = subprocess.run(
        [made.program, model, "--methods"], capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stderr.decode(errors="replace")


def test_what_no_exporter_writes_is_refused(
    runtime: Callable[[str, str], Runtime], tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    model = tmp_path / "model.ptl"
    for title, data in malformed():
        model.write_bytes(data)
        code, said = load(made, model)
        assert code == BAD_MODEL, f"{title}: {code} {said}"
        assert said.startswith("error: "), title
        assert len(said.splitlines()) == 1, title


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
