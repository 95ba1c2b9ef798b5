"""Which Debian mirrors this machine already uses and trusts, read from its apt sources (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_CODENAMES: Final = frozenset(
    [
        "oldoldstable",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "sid",
        "buster",
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
    ]
)
"""Suites of Debian's main archive: another distribution's archive does not carry ours."""

_UPDATES: Final = "-updates"


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror and the options that make apt trust it (deb822 fields, as the machine has them)."""

    uri: str
    options: tuple[tuple[str, str], ...] = ()


_OPTIONS: Final = {
    "signed-by": "Signed-By",
    "trusted": "Trusted",
    "check-valid-until": "Check-Valid-Until",
}
"""What we take over of an entry: how its signature is checked, never which files it offers."""


def mirrors(entries: Iterable[Mapping[str, str]]) -> tuple[Mirror, ...]:
    """Return the mirrors of Debian's main archive, the most certain first.

    An archive that also offers `…-updates` is Debian's own; third parties reuse its suite names,
    but not that one.
    """
    found: dict[Mirror, None] = {}
    certain: Counter[str] = Counter()
    for entry in entries:
        suites = entry.get("suites", "").split()
        uris = entry.get("uris", "").split()
        certain.update(uri for uri in uris for suite in suites if suite.endswith(_UPDATES))
        if (
            entry.get("enabled", "yes").lower() in {"no", "false", "0"}
            or "main" not in entry.get("components", "").split()
            or _CODENAMES.isdisjoint(suite.removesuffix(_UPDATES) for suite in suites)
        ):
            continue
        options = tuple((_OPTIONS[key], entry[key]) for key in _OPTIONS if key in entry)
        found.update((Mirror(uri, options), None) for uri in uris)
    return tuple(sorted(found, key=lambda mirror: not certain[mirror.uri]))


def parse_deb822(text: str) -> tuple[dict[str, str], ...]:
    """Read stanzas of `Field: value` with lower-case field names.

    Serves the machine's `.sources` files and the package records of apt alike. Continuation lines
    keep their leading space, as an embedded key needs it when it is written out again.
    """
    stanzas: list[dict[str, str]] = [{}]
    field = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0] in " \t":
            if field in stanzas[-1]:
                stanzas[-1][field] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            field = name.strip().lower()
            stanzas[-1][field] = value.strip()
    return tuple(stanza for stanza in stanzas if stanza)


def parse_one_line(text: str) -> tuple[dict[str, str], ...]:
    """Read lines such as `deb [signed-by=/key] uri suite main` into the fields of deb822."""
    entries = []
    for raw in text.splitlines():
        kind, *others = raw.partition("#")[0].split(maxsplit=1) or [""]
        if kind not in {"deb", "deb-src"} or not others:
            continue
        rest = others[0]
        options = ""
        if rest.startswith("["):
            options, _, rest = rest[1:].partition("]")
        words = rest.split()
        if len(words) < 3:  # noqa: PLR2004 - an address, a suite, a component
            continue
        entry = {"uris": words[0], "suites": words[1], "components": " ".join(words[2:])}
        for option in options.split():
            name, _, value = option.partition("=")
            entry[name.lower()] = value.replace(",", " ")
        entries.append(entry)
    return tuple(entries)


def render(mirror: Mirror, suites: Iterable[str], types: str) -> str:
    """Return the deb822 stanza that asks the mirror for packages of these types only.

    `deb` are packages to install, `deb-src` their sources.
    """
    fields = [
        ("Types", types),
        ("URIs", mirror.uri),
        ("Suites", " ".join(suites)),
        ("Components", "main"),
        *mirror.options,
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields)
