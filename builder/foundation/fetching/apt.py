"""apt as a means to fetch: without root, and without a change to the system.

Every directory apt writes to is ours, and the hooks other packages hang on `apt-get update` are
cleared. apt checks its own signatures and checksums.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from builder.foundation import files
from builder.foundation.fetching.mirrors import (
    Mirror,
    mirrors,
    parse_deb822,
    parse_one_line,
)
from builder.foundation.fetching.programs import command, reason
from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.process import CommandError, Host

APT: Final = Path("/etc/apt")
"""Where the machine says which mirrors it uses."""

TROUBLE: Final = ("E: Failed to fetch ", "W: Failed to fetch ", "E: ")
"""How the lines of apt begin that say what went wrong."""

_HOOKS: Final = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
)
_PERCENT: Final = re.compile(r"dlstatus:\d+:(?P<percent>[\d.]+):")


class Apt:
    """apt with every directory it writes to below `root`."""

    def __init__(self, root: Path, log: Path, host: Host, progress: Progress) -> None:
        """Name the places; nothing is written before `configure`."""
        self.root = root
        self.log = log
        self.host = host
        self.progress = progress
        self.trouble = ""
        self._conf = root / "apt.conf"

    def configure(self, stanza: str) -> None:
        """Write the private configuration. apt reads it last, so it wins over the machine's."""
        parts = self.root / "sources"
        for directory in (parts, self.root / "lists/partial", self.root / "state"):
            directory.mkdir(parents=True, exist_ok=True)
        files.write_if_changed(parts / "debian.sources", stanza)
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
        files.write_if_changed(self._conf, "".join((*cleared, *lines)))
        self.log.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Fetch the package lists; `trouble` says what apt complained about."""
        lines: list[str] = []
        step = "read package lists"
        self.progress.started(step, None)
        # One suite may be gone while the other has all we need: what counts is what is listed.
        with suppress(CommandError):
            self.run(self.root, lines.append, "apt-get", "update")
        self.progress.finished(step)
        troubled = [line for line in lines if line.startswith(TROUBLE)]
        self.trouble = reason(troubled, *TROUBLE) if troubled else ""

    def ask(self, *argv: str) -> tuple[dict[str, str], ...]:
        """Return the records that a command of apt prints."""
        asked = command(self.host, self.root, argv[0], "-c", str(self._conf), *argv[1:])
        return parse_deb822(self.host.runner.capture(asked).stdout)

    def download(self, folder: Path, title: str, size: int, *argv: str) -> None:
        """Run an `apt-get` command that downloads `size` bytes into `folder`.

        Raise `Unavailable` with what apt said.
        """
        step = f"fetch {title}"
        lines: list[str] = []

        def on_line(line: str) -> None:
            if match := _PERCENT.match(line):
                done = size * min(float(match["percent"]), 100.0) / 100.0
                self.progress.advanced(step, int(done))
            else:
                lines.append(line)

        self.progress.started(step, size)
        try:
            self.run(folder, on_line, "apt-get", "-o", "APT::Status-Fd=1", *argv)
        except CommandError as error:
            raise Unavailable(reason(lines, *TROUBLE)) from error
        finally:
            self.progress.finished(step)

    def run(self, cwd: Path, on_line: Callable[[str], None], *argv: str) -> None:
        """Run a command of apt to its end; raise `CommandError` when it fails."""
        configured = (argv[0], "-c", str(self._conf), "-q", *argv[1:])
        self.host.runner.run(command(self.host, cwd, *configured), log=self.log, on_line=on_line)

    def clean(self) -> None:
        """Remove the package lists and all else that is only needed to fetch."""
        shutil.rmtree(self.root, ignore_errors=True)


def known_mirrors(etc: Path) -> tuple[Mirror, ...]:
    """Return the mirrors of Debian's archive this machine uses; raise `Unavailable` without one."""
    known = mirrors(_entries(etc))
    if not known:
        message = f"{etc} names no mirror of the Debian archive"
        raise Unavailable(message)
    return known


def _entries(etc: Path) -> Iterator[dict[str, str]]:
    """Yield the machine's apt sources; what cannot be read is not there for us."""
    parts = etc / "sources.list.d"
    for path in [etc / "sources.list", *sorted(parts.glob("*.list"))]:
        with suppress(OSError):
            yield from parse_one_line(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        with suppress(OSError):
            yield from parse_deb822(path.read_text(encoding="utf-8", errors="replace"))
