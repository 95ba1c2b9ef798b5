from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.toolchains.table import TOOLCHAINS, choose_platform, provider_for
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Platform
from tests.ndk import lay_out


@pytest.mark.parametrize("platform", Platform)
def test_every_platform_has_a_toolchain_of_another_name(platform: Platform) -> None:
    names = [provider_for(it, BuildSettings()).name for it in TOOLCHAINS]
    assert len(set(names)) == len(names)
    assert provider_for(platform, BuildSettings()).name in names


@pytest.mark.parametrize("platform", Platform)
def test_a_named_platform_is_not_looked_for(platform: Platform, host: Host) -> None:
    assert choose_platform(BuildSettings(platform=platform), host) == (platform, "")


def test_auto_goes_by_what_is_here(host: Host, tmp_path: Path) -> None:
    assert choose_platform(BuildSettings(), host) == (Platform.LINUX, "no Android NDK found")
    there = replace(host, env={"NDK_HOME": str(lay_out(tmp_path / "ndk"))})
    assert choose_platform(BuildSettings(), there)[0] is Platform.ANDROID


def test_an_ndk_that_is_asked_for_and_not_there_is_no_reason_for_linux(host: Host) -> None:
    with pytest.raises(ToolchainError, match="/nowhere"):
        choose_platform(BuildSettings(ndk="/nowhere"), host)
