"""Which toolchain builds for which platform."""

from collections.abc import Callable, Mapping
from typing import Final

from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.toolchains.ndk.provider import Ndk
from builder.toolchains.protocol import ToolchainProvider
from builder.toolchains.zig import ZIG
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Platform

TOOLCHAINS: Final[Mapping[Platform, Callable[[BuildSettings], ToolchainProvider]]] = {
    Platform.LINUX: lambda _: ZIG,
    Platform.ANDROID: lambda settings: Ndk(settings.ndk),
}
"""How the toolchain of each platform is made of what the user wishes."""

AUTO: Final = "auto"
"""The platform is Android where its toolchain is found, else the one that needs none installed."""

_USUAL: Final = Platform.LINUX


def provider_for(platform: Platform, settings: BuildSettings) -> ToolchainProvider:
    """Return the toolchain of a platform, as the user wishes it."""
    return TOOLCHAINS[platform](settings)


def choose_platform(settings: BuildSettings, host: Host) -> tuple[Platform, str]:
    """Return the platform to build for and, where `auto` chose it, why: in one line.

    A toolchain that is asked for by a setting decides: raise `ToolchainError` if it is not there.
    """
    if settings.platform != AUTO:
        return Platform(settings.platform), ""
    try:
        provider_for(Platform.ANDROID, settings).find(host)
    except ToolchainError as error:
        if settings.ndk:
            raise
        return _USUAL, error.message
    return Platform.ANDROID, "an NDK was found; --platform linux builds for Linux"
