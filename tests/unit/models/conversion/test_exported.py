"""Models as exported: torch is started only where source does not tell for sure."""

import sys
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.models.conversion.exported import read_exported
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import ModelFormat
from tests.conftest import FakeRunner
from tests.places import EXAMPLES
from tests.unit.models import forge
from tests.unit.models.conversion.test_torchscript import converting


def test_a_source_that_is_certain_starts_nothing(host: Host, runner: FakeRunner) -> None:
    path = EXAMPLES / "classifier" / "model.pt"
    model = read_exported(path, host)
    assert (model.path, model.source, model.format) == (path, path, ModelFormat.TORCHSCRIPT)
    assert not runner.commands
    assert not (host.cache / "models").exists()


def test_another_is_converted(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    runner.answer_with(Path(sys.executable).name, converting())
    path = forge.write(tmp_path / "net.pt", forge.torchscript())
    assert read_exported(path, host).path.parent.parent == host.cache / "models"
    assert len(runner.commands) == 1


def test_lite_models_are_read_as_ever(tmp_path: Path, host: Host, runner: FakeRunner) -> None:
    path = forge.write(tmp_path / "net.ptl", forge.lite())
    assert read_exported(path, host).format is ModelFormat.LITE
    assert not runner.commands


def test_a_damaged_model_is_refused_before_torch_sees_it(
    tmp_path: Path, host: Host, runner: FakeRunner
) -> None:
    path = forge.write(tmp_path / "net.pt", forge.torchscript() | {"data.pkl": b"?"})
    with pytest.raises(ModelError, match=r"data\.pkl"):
        read_exported(path, host)
    assert not runner.commands
