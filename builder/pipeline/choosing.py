"""Which targets a request is for, and which of them are packed together."""

from collections.abc import Iterable
from typing import Final

from builder.foundation.process import Host
from builder.pipeline.request import Events, Request
from builder.toolchains.table import TOOLCHAINS, provider_for
from builder.vocabulary.targets import Platform, Target, make_target, platform_facts

_NDK_VARIABLES: Final = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK", "NDK_HOME")


def find_targets(request: Request, host: Host, events: Events) -> tuple[Target, ...]:
    """Return the targets of a request; raise `ToolchainError` where there is no toolchain.

    `auto` is Linux, as this release drives no NDK.
    """
    platform = request.platform
    if platform == "auto":
        named = next((name for name in _NDK_VARIABLES if host.env.get(name)), None)
        why = (
            f"${named} is set, but this release does not drive it"
            if named
            else "no Android NDK found"
        )
        platform = next(iter(TOOLCHAINS))
        events.note(f"platform: {platform}, built with {provider_for(platform).name} ({why})")
    provider_for(Platform(platform))
    return tuple(make_target(Platform(platform), abi) for abi in request.abis)


def batches(targets: Iterable[Target]) -> tuple[tuple[Target, ...], ...]:
    """Return which targets are packed together: by the kind of archive of their platform."""
    together: dict[object, list[Target]] = {}
    for target in targets:
        several = platform_facts(target.platform).archive.holds_several_abis
        together.setdefault(target.platform if several else target, []).append(target)
    return tuple(map(tuple, together.values()))
