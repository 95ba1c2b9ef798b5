import re
import tomllib

import pytest

from builder.foundation import resources
from builder.source.pins import parse_release, pins
from builder.vocabulary.errors import SourceError

NAMES = [
    "pytorch",
    "cpuinfo",
    "pthreadpool",
    "fp16",
    "fxdiv",
    "psimd",
    "fmt",
    "flatbuffers",
    "eigen",
    "pocketfft",
    "gemmlowp",
    "xnnpack",
]


def test_the_data_file_pins_every_component_the_build_names() -> None:
    release = pins("2.6.0")
    assert [pin.name for pin in release.components] == NAMES
    assert re.fullmatch(r"[0-9a-f]{40}", release.commit)
    assert release.tag == "v2.6.0"


def test_every_archive_is_pinned_by_a_whole_checksum_and_a_plain_file_name() -> None:
    archives = [it for pin in pins("2.6.0").components for it in pin.archives]
    for archive in archives:
        assert re.fullmatch(r"[0-9a-f]{64}", archive.sha256), archive
        assert archive.size > 1000
        assert archive.file.startswith(f"{archive.package}_{archive.version}.orig.tar.")
        assert "/" not in archive.file
        assert "/" not in archive.root
    assert len({archive.file for archive in archives}) == len(archives)
    assert len({archive.sha256 for archive in archives}) == len(archives)


def test_what_is_required_is_not_excluded() -> None:
    for pin in pins("2.6.0").components:
        assert pin.requires
        assert not any(
            path == out or path.startswith(f"{out}/")
            for path in pin.requires
            for out in pin.excludes
        )


def test_only_pytorch_is_no_submodule_and_comes_first() -> None:
    assert [pin.name for pin in pins("2.6.0").components if not pin.submodule] == ["pytorch"]


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SourceError, match=r"PyTorch 2\.6\.1 \(did you mean 2\.6\.0\?\)") as caught:
        pins("2.6.1")
    assert "2.6.0" in caught.value.hint


def test_an_unknown_key_is_not_ignored() -> None:
    table = tomllib.loads((resources.DATA / "sources.toml").read_text())["release"]["2.6.0"]
    with pytest.raises(TypeError):
        parse_release("2.6.0", {**table, "comit": "typo"})
