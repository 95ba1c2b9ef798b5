"""The NDK behind the protocol of all toolchains."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from builder.foundation.files import OnWait
from builder.foundation.process import Host
from builder.toolchains.ndk import tools
from builder.toolchains.ndk.discovery import find_ndk
from builder.toolchains.ndk.linking import learned_link
from builder.vocabulary.plan import LinkLine, Program, Toolchain
from builder.vocabulary.targets import Target


@dataclass(frozen=True, slots=True)
class Ndk:
    """The provider: see `builder.toolchains.protocol`. `wish` is a path, a revision, or nothing."""

    wish: str = ""
    name: str = "the Android NDK"
    optional: bool = True

    def find(self, host: Host) -> Program:
        """Return the NDK; its path is its folder."""
        return tools.program_of(find_ndk(self.wish, host).ndk)

    def told(self, host: Host) -> tuple[str, ...]:
        """Return which NDK is driven and by which rule, then the warnings."""
        found = find_ndk(self.wish, host)
        return (f"{found.ndk} at {found.ndk.root} ({found.rule})", *found.warnings)

    def refuse(self, target: Target, host: Host) -> None:
        """Raise for an ABI or an API level that the NDK has not."""
        tools.refuse_target(find_ndk(self.wish, host).ndk, target)

    def identity(self, target: Target, host: Host) -> str:
        """Return a hash of what NDKs of one revision may differ in."""
        return tools.identity_of(find_ndk(self.wish, host).ndk, target)

    def prepare(self, target: Target, host: Host, on_wait: OnWait | None = None) -> Toolchain:
        """Return the tools for a target, by way of wrappers in the cache."""
        ndk = find_ndk(self.wish, host).ndk
        tools.refuse_target(ndk, target)
        return tools.prepare(ndk, target, host, on_wait)

    def link_line(
        self, toolchain: Toolchain, host: Host
    ) -> AbstractContextManager[Callable[[], LinkLine]]:
        """Ask the NDK's compiler how it links."""
        return learned_link(toolchain, host)
