"""Files at addresses of the web: fetched whole, and judged by whoever asked for them."""

import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import URLError

from builder.foundation.files import open_atomic
from builder.vocabulary.errors import SourceError

_SCHEMES: Final = ("https://", "http://")
_CHUNK: Final = 1 << 20
_MOST: Final = 1 << 36
_PATIENCE: Final = 60.0
"""Bytes of a file, and seconds until a server has to say anything."""


def is_address(text: str) -> bool:
    """Whether a text is an address, and no path."""
    return text.startswith(_SCHEMES)


def fetch(address: str, path: Path) -> None:
    """Fetch a file; raise `SourceError` where it cannot be had."""
    try:
        with (
            urllib.request.urlopen(address, timeout=_PATIENCE) as answer,  # noqa: S310  see is_address
            open_atomic(path) as stream,
        ):
            left = _MOST
            while chunk := answer.read(min(_CHUNK, left)):
                left -= len(chunk)
                stream.write(chunk)
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise SourceError(
            f"cannot fetch {address}: {reason}",
            hint="check the address, or fetch the file and name its path",
        ) from error
