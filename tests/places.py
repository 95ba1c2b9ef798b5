"""Where the tests find the checkout and what was recorded, so that a moved test needs no change."""

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
EXAMPLES: Final = ROOT / "examples"
RECORDED: Final = TESTS / "recorded"
"""Verbatim output of tools, and small files they wrote."""

STEERING: Final = ("BUILD_RUNTIME_", "ANDROID_", "NDK_HOME")
"""How variables of the environment begin that decide what a command does."""
