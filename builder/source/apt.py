"""Fetching source archives with apt: without root, and without a change to the system.

Every directory apt writes to is ours, and the hooks other packages hang on `apt-get update` are
cleared. apt checks its own signatures and checksums; what counts for us is the pinned SHA-256.
"""

import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation import files
from builder.foundation.process import CommandError, Host
from builder.source import archives
from builder.source.apt_sources import Mirror, parse_deb822, render
from builder.source.pins import Archive, Pin
from builder.source.programs import command, reason
from builder.source.request import Progress, Unavailable

_HOOKS: Final = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
)
_TROUBLE: Final = ("E: Failed to fetch ", "W: Failed to fetch ", "E: ")
_PERCENT: Final = re.compile(r"dlstatus:\d+:(?P<percent>[\d.]+):")


@dataclass(frozen=True, slots=True)
class Listed:
    """A source package as the mirror's index has it: its files with their SHA-256."""

    package: str
    version: str
    sha256: dict[str, str]


class Apt:
    """apt with every directory it writes to inside our cache."""

    def __init__(self, host: Host, progress: Progress) -> None:
        """Name the places; nothing is written before `configure`."""
        self.host = host
        self.progress = progress
        self.root = host.cache / "apt"
        self.partial = host.cache / "downloads" / "partial"
        self.log = host.cache / "logs" / "source-debian.log"
        self.conf = self.root / "apt.conf"
        self.trouble = ""

    def configure(self, mirror: Mirror, suites: tuple[str, ...]) -> None:
        """Write the private configuration. apt reads it last, so it wins over the machine's."""
        parts = self.root / "sources"
        for directory in (parts, self.root / "lists/partial", self.root / "state", self.partial):
            directory.mkdir(parents=True, exist_ok=True)
        files.write_if_changed(parts / "debian.sources", render(mirror, suites))
        settings = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": str(parts),
            "Dir::State": str(self.root / "state"),
            "Dir::State::lists": str(self.root / "lists"),
            "Dir::State::status": "/dev/null",
            "Dir::Cache": str(self.root / "cache"),
            # As root, apt downloads as a user that may not be allowed to enter our cache.
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
        }
        cleared = [f"#clear {hook};\n" for hook in _HOOKS]
        lines = [f'{name} "{value}";\n' for name, value in settings.items()]
        files.write_if_changed(self.conf, "".join((*cleared, *lines)))
        self.log.unlink(missing_ok=True)

    def update(self, packages: Iterable[str]) -> tuple[Listed, ...]:
        """Refresh the lists and return what they say of the packages."""
        lines: list[str] = []
        step = "read package lists"
        self.progress.started(step, None)
        # One suite may be gone while the other has all we need: what counts is what is listed.
        with suppress(CommandError):
            self._run(self.root, ("apt-get", "update"), lines.append)
        self.progress.finished(step)
        troubled = [line for line in lines if line.startswith(_TROUBLE)]
        self.trouble = reason(troubled, *_TROUBLE) if troubled else ""
        asked = command(
            self.host, self.root, "apt-cache", "-c", str(self.conf), "showsrc", "--only-source",
            *sorted(set(packages)),
        )  # fmt: skip
        listed = _parse_listed(self.host.runner.capture(asked).stdout)
        if not listed:
            raise Unavailable(self.trouble or "the archive lists none of the packages")
        return listed

    def fetch(self, pin: Pin, listed: tuple[Listed, ...]) -> Archive:
        """Fetch the first of the pin's archives the mirror really has, and check it."""
        failures = []
        for archive in pin.archives:
            offers = [
                it for it in listed if it.package == archive.package and archive.file in it.sha256
            ]
            if not offers:
                failures.append(f"{archive.file}: {self.trouble or 'no longer in the archive'}")
                continue
            if offers[-1].sha256[archive.file] != archive.sha256:
                found = offers[-1].sha256[archive.file]
                raise archives.wrong_checksum(archive, found, "the mirror's package lists")
            try:
                self._download(archive, offers[-1].version)
            except Unavailable as failure:
                failures.append(f"{archive.file}: {failure}")
            else:
                return archive
        raise Unavailable("; ".join(failures))

    def _download(self, archive: Archive, version: str) -> None:
        step = f"fetch {archive.file}"
        lines: list[str] = []

        def on_line(line: str) -> None:
            if match := _PERCENT.match(line):
                done = archive.size * min(float(match["percent"]), 100.0) / 100.0
                self.progress.advanced(step, int(done))
            else:
                lines.append(line)

        self.progress.started(step, archive.size)
        got = self.partial / archive.file
        try:
            self._run(
                self.partial,
                ("apt-get", "-o", "APT::Status-Fd=1", "source", "--download-only", "--tar-only",
                 "--only-source", f"{archive.package}={version}"),
                on_line,
            )  # fmt: skip
        except CommandError as error:
            # apt sets aside what does not match the mirror's own lists: a bad file all the same.
            bad = got.with_name(got.name + ".FAILED")
            if bad.is_file():
                archives.check(bad, archive)
            raise Unavailable(reason(lines, *_TROUBLE)) from error
        finally:
            self.progress.finished(step)
        if not got.is_file():
            message = "apt did not leave the file"
            raise Unavailable(message)
        archives.check(got, archive)
        got.replace(self.partial.parent / archive.file)

    def _run(self, cwd: Path, argv: tuple[str, ...], on_line: Callable[[str], None]) -> None:
        configured = (argv[0], "-c", str(self.conf), "-q", *argv[1:])
        self.host.runner.run(command(self.host, cwd, *configured), log=self.log, on_line=on_line)

    def clean(self) -> None:
        """Remove the package lists: with all archives at hand they are never read again."""
        shutil.rmtree(self.root, ignore_errors=True)
        with suppress(OSError):
            self.partial.rmdir()


def _parse_listed(text: str) -> tuple[Listed, ...]:
    listed = []
    for stanza in parse_deb822(text):
        entries = [line.split() for line in stanza.get("checksums-sha256", "").splitlines()]
        sha256 = {entry[2]: entry[0] for entry in entries if len(entry) == 3}  # noqa: PLR2004
        listed.append(Listed(stanza.get("package", ""), stanza.get("version", ""), sha256))
    return tuple(listed)
