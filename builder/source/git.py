"""Sources from upstream's repositories: the release's commit and just the submodules we need."""

import re
from pathlib import Path
from typing import Final

from builder.foundation.fetching.programs import command, reason
from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.process import Command, CommandError, Completed, Host
from builder.source import store
from builder.source.pins import Pin, Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.providers import SourceProvider

_PROBE: Final = 30.0
"""Seconds a server gets to answer at all; git itself waits minutes for one that is filtered."""

_RECEIVED: Final = re.compile(r"Receiving objects:.*?, (?P<amount>[\d.]+) (?P<unit>[KMG]i)?B?")
_UNITS: Final = {None: 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def open_git(release: Release, host: Host, progress: Progress, *, offline: bool) -> SourceTree:
    """Fetch the commits not fetched before and make the tree; raise `Unavailable` with why not."""
    git = _Git(host, progress, offline=offline)
    top = next(pin for pin in release.components if not pin.submodule)
    git.need(top, release.url, release.commit, f"refs/tags/{release.tag}")
    urls = git.submodule_urls(top, release.commit)
    commits = {top.name: release.commit}
    for pin in release.components:
        if pin.submodule:
            if pin.submodule not in urls:
                message = f"{release.tag} of {release.url} has no submodule {pin.submodule}"
                raise Unavailable(message)
            commits[pin.name] = git.submodule_commit(top, release.commit, pin.submodule)
            git.need(pin, urls[pin.submodule], commits[pin.name], commits[pin.name])
    components = [
        Component(
            name=pin.name,
            version=commits[pin.name],
            sha256="",  # a commit is its own checksum
            licence=pin.licence,
            root=git.repository(pin),
        )
        for pin in release.components
    ]

    def fill(pin: Pin, root: Path) -> None:
        step = f"check out {pin.name}"
        progress.started(step, None)
        git.export(pin, commits[pin.name], root)
        progress.finished(step)

    return store.make_tree(host.cache / "sources", release, SourceProvider.GIT, components, fill)


class _Git:
    """Bare repositories in our cache, one per component, each holding single commits."""

    def __init__(self, host: Host, progress: Progress, *, offline: bool) -> None:
        self.host = host
        self.progress = progress
        self.offline = offline
        self.root = host.cache / "downloads" / "git"
        self.log = host.cache / "logs" / "source-git.log"
        self.log.unlink(missing_ok=True)

    def repository(self, pin: Pin) -> Path:
        """Return where the component's commits are kept."""
        return self.root / f"{pin.name}.git"

    def need(self, pin: Pin, url: str, commit: str, ref: str) -> None:
        """Make sure the commit is here, fetching `ref` if it is not."""
        repository = self.repository(pin)
        if (repository / "HEAD").is_file() and self._has(pin, commit):
            return
        if self.offline:
            message = f"offline, and {pin.name} was not fetched before"
            raise Unavailable(message)
        repository.mkdir(parents=True, exist_ok=True)
        self._checked(pin, "init", "--quiet", "--bare")
        self._probe(pin, url)
        self._fetch(pin, url, ref)
        if not self._has(pin, commit):
            found = self._capture(pin, "rev-parse", "FETCH_HEAD^{commit}").stdout.strip()
            message = (
                f"wrong commit for {pin.name}: {ref} is not what was released\n"
                f"    expected {commit}\n"
                f"    got      {found or 'no commit'}"
            )
            raise SourceError(
                message,
                looked_in=[url],
                hint="do not trust this repository; choose another provider or pass --source DIR",
            )

    def submodule_urls(self, pin: Pin, commit: str) -> dict[str, str]:
        """Return the address of each submodule by its path."""
        listing = self._checked(
            pin, "config", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"\.(path|url)$"
        )
        values = dict(line.split(" ", 1) for line in listing.splitlines() if " " in line)
        return {
            path: values[key.removesuffix(".path") + ".url"]
            for key, path in values.items()
            if key.endswith(".path") and key.removesuffix(".path") + ".url" in values
        }

    def submodule_commit(self, pin: Pin, commit: str, path: str) -> str:
        """Return the commit the release pins for a submodule: its gitlink."""
        fields = self._checked(pin, "ls-tree", commit, "--", path).split()
        if fields[1:2] != ["commit"]:
            message = f"{path} is no submodule of {commit}"
            raise Unavailable(message)
        return fields[2]

    def export(self, pin: Pin, commit: str, into: Path) -> None:
        """Write the files of the commit, byte for byte."""
        self._checked(pin, "read-tree", commit)
        self._checked(
            pin, "-c", "core.autocrlf=false", f"--work-tree={into}", "checkout-index", "--all"
        )

    def _has(self, pin: Pin, commit: str) -> bool:
        return self._capture(pin, "cat-file", "-e", f"{commit}^{{tree}}").status == 0

    def _probe(self, pin: Pin, url: str) -> None:
        asked = self._command(self.repository(pin), "ls-remote", "--quiet", "--", url, "HEAD")
        answer = self.host.runner.capture(asked, timeout=_PROBE)
        if answer.status != 0:
            message = f"{url}: {reason(answer.stderr.splitlines(), 'fatal: ')}"
            raise Unavailable(message)

    def _fetch(self, pin: Pin, url: str, ref: str) -> None:
        step = f"fetch {pin.name}"
        lines: list[str] = []

        def on_line(line: str) -> None:
            if match := _RECEIVED.search(line):
                self.progress.advanced(step, int(float(match["amount"]) * _UNITS[match["unit"]]))
            else:
                lines.append(line)

        self.progress.started(step, None)
        try:
            # A server that falls silent must not hold the build for ever.
            fetch = self._command(
                self.repository(pin), "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60",
                "fetch", "--depth=1", "--no-tags", "--progress", "--", url, ref,
            )  # fmt: skip
            self.host.runner.run(fetch, log=self.log, on_line=on_line)
        except CommandError as error:
            message = f"{url}: {reason(lines, 'fatal: ', 'error: ')}"
            raise Unavailable(message) from error
        finally:
            self.progress.finished(step)

    def _checked(self, pin: Pin, *arguments: str) -> str:
        answer = self._capture(pin, *arguments)
        if answer.status != 0:
            message = f"{pin.name}: {reason(answer.stderr.splitlines(), 'fatal: ', 'error: ')}"
            raise Unavailable(message)
        return answer.stdout

    def _capture(self, pin: Pin, *arguments: str) -> Completed:
        return self.host.runner.capture(self._command(self.repository(pin), *arguments))

    def _command(self, cwd: Path, *arguments: str) -> Command:
        return command(
            self.host, cwd, "git", *arguments,
            GIT_TERMINAL_PROMPT="0", GIT_SSH_COMMAND="ssh -oBatchMode=yes",
        )  # fmt: skip
