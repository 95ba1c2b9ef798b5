"""What every toolchain can do: be found, be made ready for a target, and tell how it links."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from builder.foundation.files import OnWait
from builder.foundation.process import Host
from builder.vocabulary.plan import LinkLine, Program, Toolchain
from builder.vocabulary.targets import Target


class ToolchainProvider(Protocol):
    """A compiler with its linker and libraries, for some targets."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def optional(self) -> bool:
        """Whether a machine can do without it, building for other platforms."""

    def find(self, host: Host) -> Program:
        """Return the compiler; raise `ToolchainError` with what to install. Starts no process."""

    def told(self, host: Host) -> tuple[str, ...]:
        """Return what a user should know of what was found: which one and why, then warnings."""

    def refuse(self, target: Target, host: Host) -> None:
        """Raise `ToolchainError` or `UsageError` for a target it cannot build for.

        Starts no process, so that it can be asked before anything is done.
        """

    def identity(self, target: Target, host: Host) -> str:
        """Return what tells it from others of its version that make other bytes for a target.

        Starts no process, and writes nothing.
        """

    def prepare(self, target: Target, host: Host, on_wait: OnWait | None = None) -> Toolchain:
        """Return the tools for a target, by way of wrappers in the cache if need be.

        `on_wait` is told when another process makes them. Raise `ToolchainError` when one is
        missing.
        """

    def link_line(
        self, toolchain: Toolchain, host: Host
    ) -> AbstractContextManager[Callable[[], LinkLine]]:
        """Find out how a C++ library is linked, while the body goes on. There the tools compile.

        The function that is yielded waits for the answer, and raises `ToolchainError` if there is
        none.
        """
