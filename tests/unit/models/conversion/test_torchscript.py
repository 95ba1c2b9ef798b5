"""Conversion with a scripted child: vetted first, kept by content, explained when it fails."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.models.conversion import torchscript
from builder.models.conversion.record import Changes, to_json
from builder.models.conversion.torchscript import read_model
from builder.vocabulary.errors import ModelError, ToolchainError, UsageError
from builder.vocabulary.models import ModelFormat, Repair, Rewrite
from tests.conftest import FakeRunner
from tests.unit.models import forge

PYTHON = Path(sys.executable).name


def converting(records: dict[str, bytes] | None = None) -> Callable[[Command], Completed]:
    """Return a converter that answers with a lite model whatever it is given."""

    def convert(command: Command) -> Completed:
        module = command.argv.index("builder.models.conversion.convert")
        forge.write(Path(command.argv[module + 2]), records or forge.lite(), folder="model")
        return Completed(0, "", "")

    return convert


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return forge.write(tmp_path / "net.pt", forge.torchscript())


def test_a_lite_model_needs_no_conversion(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    path = forge.write(tmp_path / "net.ptl", forge.lite())
    assert read_model(path, host).format is ModelFormat.LITE
    assert not runner.commands


def test_torchscript_is_converted_once(script: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, converting())
    model = read_model(script, host)
    assert (model.name, model.source, model.format) == ("net", script, ModelFormat.TORCHSCRIPT)
    assert model.path.parent.parent == host.cache / "models"
    assert model.path.name == "net.ptl"
    assert read_model(script, host) == model
    assert len(runner.commands) == 1


def test_the_child_gets_no_environment_of_the_user(
    script: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer_with(PYTHON, converting())
    read_model(script, host)
    (command,) = runner.commands
    assert str(script) in command.argv
    assert set(command.env) == {"PATH", "HOME", "LC_ALL", "PYTHONPATH"}
    assert not command.cwd.exists()


def test_files_that_ride_along_are_named_to_the_child(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    records = forge.torchscript() | {"extra/labels.txt": b"cat", "extra/a": b""}
    runner.answer_with(PYTHON, converting())
    read_model(forge.write(tmp_path / "net.pt", records), host)
    assert runner.commands[0].argv[-2:] == ("a", "labels.txt")


def test_another_content_is_another_entry(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, converting())
    one = forge.write(tmp_path / "net.pt", forge.torchscript())
    first = read_model(one, host).path
    second = read_model(forge.write(one, forge.torchscript() | {"version": b"9\n"}), host).path
    assert first != second
    assert len(runner.commands) == 2


def test_a_damaged_cache_entry_is_made_again(script: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, converting())
    model = read_model(script, host)
    model.path.write_bytes(model.path.read_bytes()[:-7])
    assert read_model(script, host) == model
    assert len(runner.commands) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.pkl": forge.pickled(forge.called("os", "system", "true"))}, "os.system"),
        ({"code/a.py.debug_pkl": forge.pickled(forge.name("os", "system"))}, "os.system"),
        ({"data/0": b""}, "data/0 is missing or too short"),
        ({"version": b"99"}, "operator version 99"),
    ],
)
def test_torch_never_sees_a_bad_file(
    tmp_path: Path, host: Host, runner: FakeRunner, changes: dict[str, bytes], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read_model(forge.write(tmp_path / "net.pt", forge.torchscript() | changes), host)
    assert not runner.commands


def test_damage_is_found_before_torch_runs(script: Path, host: Host, runner: FakeRunner) -> None:
    script.write_bytes(script.read_bytes().replace(forge.FLOATS, bytes(16)))
    with pytest.raises(ModelError, match="checksum"):
        read_model(script, host)
    assert not runner.commands


def test_other_archives_are_explained(tmp_path: Path, host: Host) -> None:
    path = forge.write(tmp_path / "net.pt2", {"archive_format": b"pt2"})
    with pytest.raises(ModelError, match="it holds no program"):
        read_model(path, host)


def test_a_missing_model(tmp_path: Path, host: Host) -> None:
    with pytest.raises(UsageError, match="no such model"):
        read_model(tmp_path / "net.pt", host)


REPAIR = Repair("gradients", "with torch.no_grad() removed", 3)


def repairing(command: Command) -> Completed:
    """Convert as a child does that repaired something."""
    module = command.argv.index("builder.models.conversion.convert")
    Path(command.argv[module + 4]).write_text(to_json(Changes((REPAIR,))))
    return converting()(command)


def test_what_was_repaired_is_kept_with_the_model(
    script: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer_with(PYTHON, repairing)
    model = read_model(script, host)
    assert model.repairs == (REPAIR,)
    assert read_model(script, host) == model
    assert len(runner.commands) == 1


@pytest.mark.parametrize("damaged", ["", "{}", '[{"name": "gradients"}]', "[1]"])
def test_a_model_whose_repairs_are_unknown_is_converted_again(
    script: Path, host: Host, runner: FakeRunner, damaged: str
) -> None:
    runner.answer_with(PYTHON, repairing)
    model = read_model(script, host)
    model.path.with_suffix(".changes").write_text(damaged)
    assert read_model(script, host) == model
    assert len(runner.commands) == 2


def test_a_cache_that_cannot_be_written(script: Path, host: Host, runner: FakeRunner) -> None:
    host.cache.write_bytes(b"a file where the folder should be")
    with pytest.raises(UsageError, match="cannot write to") as caught:
        read_model(script, host)
    assert "--cache-dir" in caught.value.hint
    assert not runner.commands, "nobody wants to wait for a conversion to hear it"


def test_a_cache_that_fills_up(
    script: Path, host: Host, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torchscript, "copy_atomic", full)
    runner.answer_with(PYTHON, converting())
    with pytest.raises(UsageError, match=r"cannot keep the converted model.*No space left"):
        read_model(script, host)


@pytest.mark.parametrize(
    ("status", "message"),
    [(-11, "ended by signal 11"), (3, "ended with status 3"), (0, "ended with status 0")],
)
def test_a_child_that_dies_is_reported(
    script: Path, host: Host, runner: FakeRunner, status: int, message: str
) -> None:
    runner.answer(PYTHON, stderr="one\nlast words\n", status=status)
    with pytest.raises(ModelError, match=message) as caught:
        read_model(script, host)
    assert caught.value.message.endswith("last words")


def test_a_converter_that_writes_nonsense_is_reported(
    script: Path, host: Host, runner: FakeRunner
) -> None:
    runner.answer_with(PYTHON, converting({"a": b""}))
    with pytest.raises(ModelError):
        read_model(script, host)


LINEAR = forge.bytecode(forge.function(operators=(("aten::linear", "", 3),)))
WITH_SOURCE = forge.lite() | forge.torchscript() | {"bytecode.pkl": LINEAR}
WITHOUT_SOURCE = {name: it for name, it in WITH_SOURCE.items() if not name.startswith("code/")}


def rewriting(changes: Changes) -> Callable[[Command], Completed]:
    """Return a converter that says what it rewrote, and answers with another model."""

    def convert(command: Command) -> Completed:
        module = command.argv.index("builder.models.conversion.convert")
        Path(command.argv[module + 4]).write_text(to_json(changes))
        return converting(forge.lite() | {"extra/rewritten": b"yes"})(command)

    return convert


def test_each_setting_has_a_result_of_its_own(script: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(PYTHON, converting())
    places = {read_model(script, host, it).path for it in Rewrite}
    assert len(places) == len(runner.commands) == len(Rewrite)
    assert {
        it.argv[it.argv.index("builder.models.conversion.convert") + 5] for it in runner.commands
    } == set(Rewrite)


def test_a_lite_model_is_rewritten_through_its_source(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    path = forge.write(tmp_path / "net.ptl", WITH_SOURCE)
    runner.answer_with(PYTHON, rewriting(Changes(rewrites=(REPAIR,))))
    made = read_model(path, host, Rewrite.AUTO)
    assert (made.format, made.source, made.rewrites) == (ModelFormat.LITE, path, (REPAIR,))
    assert made.path != path
    assert read_model(path, host).path == path, "nothing is rewritten unless it is wished"


def test_a_lite_model_that_gains_nothing_keeps_its_bytes(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    path = forge.write(tmp_path / "net.ptl", WITH_SOURCE)
    runner.answer_with(PYTHON, rewriting(Changes(notes=("why",))))
    made = read_model(path, host, Rewrite.AUTO)
    assert (made.path, made.rewrites, made.notes) == (path, (), ("why",))


@pytest.mark.parametrize(
    ("records", "answer", "reason"),
    [
        (WITHOUT_SOURCE, Completed(0, "", ""), "it carries no source"),
        (WITH_SOURCE, Completed(1, "unknown builtin op", ""), "unknown builtin op"),
        (WITH_SOURCE | {"code/a.py.debug_pkl": b"?"}, Completed(0, "", ""), "not a pickle"),
    ],
)
def test_a_lite_model_whose_source_is_of_no_use(  # noqa: PLR0917  fixtures
    tmp_path: Path, host: Host, runner: FakeRunner, records: dict[str, bytes], answer: Completed,
    reason: str,
) -> None:  # fmt: skip
    path = forge.write(tmp_path / "net.ptl", records)
    runner.answer_with(PYTHON, lambda _: answer)
    model = read_model(path, host, Rewrite.AUTO)
    assert model.path == path
    (note,) = model.notes
    assert note.startswith("not rewritten for speed: ")
    assert reason in note


def test_a_lite_model_that_could_not_gain_starts_nothing(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    path = forge.write(tmp_path / "net.ptl", forge.lite())
    model = read_model(path, host, Rewrite.AUTO)
    assert (model.path, model.notes, runner.commands) == (path, (), [])


def test_a_lite_model_needs_no_torch(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise ToolchainError("no torch", hint="")

    monkeypatch.setattr(torchscript, "_torch_version", missing)
    model = read_model(forge.write(tmp_path / "net.ptl", WITH_SOURCE), host, Rewrite.AUTO)
    assert model.notes == ("not rewritten for speed: torch is not installed",)
