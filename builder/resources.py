"""Where the files that ship with the package are: a checkout keeps them at its top level."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_BUNDLED: Final = _PACKAGE / "_data"  # present in a wheel, absent in a checkout
_ROOT: Final = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent

TEMPLATES: Final = _ROOT / "templates"
CMAKE: Final = _ROOT / "cmake"
NATIVE: Final = _ROOT / "native"
DATA: Final = _PACKAGE / "data"
