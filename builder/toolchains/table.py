"""Which toolchain builds for which platform."""

from collections.abc import Mapping
from typing import Final

from builder.toolchains.protocol import ToolchainProvider
from builder.toolchains.zig import ZIG
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Platform

TOOLCHAINS: Final[Mapping[Platform, ToolchainProvider]] = {Platform.LINUX: ZIG}
"""A platform that is not here cannot be built for yet."""


def provider_for(platform: Platform) -> ToolchainProvider:
    """Return the toolchain of a platform; raise `ToolchainError` where there is none."""
    if (found := TOOLCHAINS.get(platform)) is not None:
        return found
    known = ", ".join(f"{it} ({provider.name})" for it, provider in TOOLCHAINS.items())
    raise ToolchainError(
        f"no toolchain for {platform}: this release builds for {known} only",
        hint=f"build for another platform: --platform {next(iter(TOOLCHAINS))}",
    )
