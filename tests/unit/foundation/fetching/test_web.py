import io
import urllib.request
from http.client import BadStatusLine, IncompleteRead, InvalidURL
from pathlib import Path
from urllib.error import URLError

import pytest

from builder.foundation.fetching.web import fetch, is_address
from builder.vocabulary.errors import SourceError


@pytest.mark.parametrize("text", ["objects.pack", "/srv/a.pack", "file:///a", "ftp://a", "https:a"])
def test_what_is_no_address_is_a_path(text: str) -> None:
    assert not is_address(text)


def test_a_file_is_fetched_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    asked: list[str] = []

    def answer(address: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        asked.append(address)
        return io.BytesIO(data)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert is_address("https://packs.example/a")
    fetch("https://packs.example/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == data
    assert asked == ["https://packs.example/a"]


@pytest.mark.parametrize(
    "error",
    [
        URLError("no route"), TimeoutError("timed out"), InvalidURL("nonnumeric port: 'a'"),
        BadStatusLine("no HTTP"), IncompleteRead(b"part", 10),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(address: str, timeout: float) -> None:
        del address, timeout
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(SourceError, match="cannot fetch https"):
        fetch("https://packs.example/a", tmp_path / "a")
    assert not [*tmp_path.iterdir()]
