"""A predicted size as data and as text."""

from collections.abc import Iterator
from typing import Any, Final

from builder.libtorch.closure.sizing.estimate import UNKNOWN, Estimate

DEAREST: Final = 3
"""How many operators people are told of whose removal saves most."""


def document(predicted: Estimate | None) -> dict[str, Any] | None:
    """Return a prediction as plain data; None where nothing is known."""
    if predicted is None:
        return None
    return {
        "bytes": predicted.size,
        "least": predicted.least,
        "most": predicted.most,
        "core": predicted.core,
        "shared": predicted.shared,
        "guessed": predicted.guessed,
        "operators": [
            {"name": it.name, "alone": it.alone, "shared": it.shared} for it in predicted.operators
        ],
        "unknown": list(predicted.unknown),
        "unmeasured": list(predicted.unmeasured),
        "measured_on": predicted.measured_on,
    }


def summary(predicted: dict[str, Any] | None) -> Iterator[str]:
    """Yield how large a library will be, how sure that is, and of what it consists."""
    if predicted is None:
        yield "predicted library: unknown, for no objects of this source were measured"
        return
    size, least, most = (predicted[it] / 1e6 for it in ("bytes", "least", "most"))
    yield f"predicted library: {size:.2f} MB, between {least:.2f} and {most:.2f}"
    if predicted["unmeasured"]:
        yield (
            f"  counted by objects of {predicted['measured_on']}; the bounds are wide for what was"
            f" not measured: {'; '.join(predicted['unmeasured'])}"
        )
    alone = sum(it["alone"] for it in predicted["operators"])
    yield (
        f"  fixed core {predicted['core']:,} bytes, operators alone {alone:,},"
        f" shared by several {predicted['shared']:,}"
    )
    if predicted["guessed"]:
        yield f"  {predicted['guessed']:,} bytes of it are of files that were never measured"
    if predicted["unknown"]:
        names = ", ".join(predicted["unknown"])
        yield f"  nothing is known of {names}: only the most allows for it, {UNKNOWN:,} bytes each"
