from pathlib import Path
from typing import Any

import pytest

from builder.commands.keeping import bundling
from builder.foundation.fetching.progress import NoProgress
from builder.foundation.files import held, sha256_file
from builder.foundation.process import Host
from builder.vocabulary.errors import SourceError
from tests.documents import validate
from tests.unit.source.small import packed, release

PINS = release()


@pytest.fixture(autouse=True)
def _small_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "pins", lambda _version: PINS)


def test_the_answer_has_the_hash_to_compare_on_the_other_machine(
    host: Host, tmp_path: Path
) -> None:
    first, second = (pin.archives[0] for pin in PINS.components)
    (host.cache / "downloads").mkdir(parents=True)
    (host.cache / "downloads" / first.file).write_bytes(packed("pytorch", root="pytorch-2.6.0"))
    (host.cache / "downloads" / second.file).write_bytes(packed("fmt"))
    path = tmp_path / "sources.tar"
    answer = bundling.bundle(path, host, NoProgress(), offline=True)
    validate("source-bundle", {"version": 1, **answer.document})
    assert answer.document["sha256"] == sha256_file(path)
    assert answer.text.splitlines()[0].startswith(f"{path}: 2 archives, ")


def test_what_cannot_be_had_is_one_message(host: Host, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        bundling.bundle(tmp_path / "sources.tar", host, NoProgress(), offline=True)
    assert caught.value.exit_code == 4
    assert "offline, and not fetched before" in caught.value.looked_in[1]


def test_nobody_else_fetches_meanwhile(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[bool] = []

    def write(path: Path, *_: Any, **__: Any) -> tuple[()]:
        locked.append(held(host.cache / "sources" / ".lock"))
        path.touch()
        return ()

    monkeypatch.setattr(bundling, "write_bundle", write)
    bundling.bundle(tmp_path / "sources.tar", host, NoProgress(), offline=True)
    assert locked == [True]
