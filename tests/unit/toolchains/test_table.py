import pytest

from builder.toolchains.table import TOOLCHAINS, provider_for
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Platform


@pytest.mark.parametrize("platform", Platform)
def test_a_platform_has_a_toolchain_or_a_clear_refusal(platform: Platform) -> None:
    if platform in TOOLCHAINS:
        assert provider_for(platform).name
        return
    with pytest.raises(ToolchainError, match=f"no toolchain for {platform}") as caught:
        provider_for(platform)
    assert caught.value.hint == f"build for another platform: --platform {next(iter(TOOLCHAINS))}"
