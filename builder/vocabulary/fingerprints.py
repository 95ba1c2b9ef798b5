"""Names of outputs: hashes of all that decides them."""

from __future__ import annotations

import hashlib
import json


def fingerprint(**decisive: object) -> str:
    """Return the SHA-256 of the canonical JSON of what decides an output, as hex."""
    text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
