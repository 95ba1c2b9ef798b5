"""What the user sees while a run works: progress on a terminal, one line per step elsewhere."""

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_QUIET_STEP = 30.0  # seconds between lines of a long step where there is no terminal


class Console:
    """Tells progress on `stream`, which is stderr: results alone go to stdout."""

    def __init__(self, stream: TextIO, *, quiet: bool, terminal: bool) -> None:
        """Draw bars only on a terminal; say nothing but notes when `quiet`."""
        self._stream = stream
        self._quiet = quiet
        self._terminal = terminal and not quiet
        self._began = time.monotonic()
        self._said = self._began
        self._known: dict[str, int | None] = {}
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def note(self, text: str) -> None:
        """Say something the user should know, in one line, even when quiet."""
        self._line(text)

    def step(self, text: str) -> None:
        """Begin a step."""
        self._close()
        if not self._quiet:
            self._line(f"[{time.monotonic() - self._began:6.1f} s] {text}")
            self._said = time.monotonic()

    def compiled(self, done: int, known: int, name: str) -> None:
        """Show that `done` of `known` files are compiled, the time so far, and the last file."""
        if self._terminal:
            self._bar("compiling", known, done, name)
        elif not self._quiet and time.monotonic() - self._said >= _QUIET_STEP:
            self._said = time.monotonic()
            self._line(f"[{self._said - self._began:6.1f} s]   {done} of {known} files, {name}")

    def started(self, name: str, total: int | None) -> None:
        """Begin a download or an unpacking of `total` bytes."""
        self._known[name] = total
        if not self._terminal and not self._quiet:
            size = f" ({total / 1e6:.1f} MB)" if total else ""
            self._line(f"[{time.monotonic() - self._began:6.1f} s] {name}{size}")

    def advanced(self, name: str, done: int) -> None:
        """Show how many bytes of it are done."""
        if self._terminal:
            self._bar(name, self._known.get(name), done, "")

    def finished(self, name: str) -> None:
        """End it."""
        self._known.pop(name, None)
        if name in self._tasks:
            self._close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._close()

    def _line(self, text: str) -> None:
        self._close()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _bar(self, name: str, total: int | None, done: int, detail: str) -> None:
        if self._bars is None:
            # rich costs a tenth of a second to import: only a terminal pays
            from rich import progress  # noqa: PLC0415
            from rich.console import Console as Screen  # noqa: PLC0415

            self._bars = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn() if detail else progress.DownloadColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("{task.fields[detail]}"),
                console=Screen(file=self._stream),
                transient=True,
            )
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, detail=detail)
        self._bars.update(self._tasks[name], total=total, completed=done, detail=detail)

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()


def make_console(*, quiet: bool, ci: bool) -> Console:
    """Return the console of this process."""
    return Console(sys.stderr, quiet=quiet, terminal=sys.stderr.isatty() and not ci)
