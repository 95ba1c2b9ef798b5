"""Fetching source archives with apt: what counts for us is the pinned SHA-256."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from builder.foundation.fetching.apt import Apt
from builder.foundation.fetching.mirrors import Mirror, render
from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.process import Host
from builder.source import archives
from builder.source.pins import Archive, Pin


@dataclass(frozen=True, slots=True)
class Listed:
    """A source package as the mirror's index has it: its files with their SHA-256."""

    package: str
    version: str
    sha256: dict[str, str]


class SourceApt:
    """apt as a means to get source archives into our cache."""

    def __init__(self, host: Host, progress: Progress) -> None:
        """Name the places; nothing is written before `update`."""
        self.downloads = host.cache / "downloads"
        self.partial = self.downloads / "partial"
        log = host.cache / "logs" / "source-debian.log"
        self.apt = Apt(host.cache / "apt", log, host, progress)

    def update(
        self, mirror: Mirror, suites: tuple[str, ...], packages: Iterable[str]
    ) -> tuple[Listed, ...]:
        """Ask a mirror for its lists and return what they say of the packages."""
        self.partial.mkdir(parents=True, exist_ok=True)
        self.apt.configure(render(mirror, suites, "deb-src"))
        self.apt.refresh()
        wanted = sorted(set(packages))
        records = self.apt.ask("apt-cache", "showsrc", "--only-source", *wanted)
        if not records:
            raise Unavailable(self.apt.trouble or "the archive lists none of the packages")
        return tuple(map(_listed, records))

    def fetch(self, pin: Pin, listed: tuple[Listed, ...]) -> Archive:
        """Fetch the first of the pin's archives the mirror really has, and check it."""
        failures = []
        for archive in pin.archives:
            offers = [
                it for it in listed if it.package == archive.package and archive.file in it.sha256
            ]
            if not offers:
                failures.append(f"{archive.file}: {self.apt.trouble or 'no longer in the archive'}")
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
        got = self.partial / archive.file
        try:
            self.apt.download(
                self.partial, archive.file, archive.size,
                "source", "--download-only", "--tar-only", "--only-source",
                f"{archive.package}={version}",
            )  # fmt: skip
        except Unavailable:
            # apt sets aside what does not match the mirror's own lists: a bad file all the same.
            bad = got.with_name(got.name + ".FAILED")
            if bad.is_file():
                archives.check(bad, archive)
            raise
        if not got.is_file():
            message = "apt did not leave the file"
            raise Unavailable(message)
        archives.check(got, archive)
        got.replace(self.downloads / archive.file)

    def clean(self) -> None:
        """Remove the package lists: with all archives at hand they are never read again."""
        self.apt.clean()
        with suppress(OSError):
            self.partial.rmdir()


def _listed(record: dict[str, str]) -> Listed:
    entries = [line.split() for line in record.get("checksums-sha256", "").splitlines()]
    sha256 = {entry[2]: entry[0] for entry in entries if len(entry) == 3}  # noqa: PLR2004
    return Listed(record.get("package", ""), record.get("version", ""), sha256)
