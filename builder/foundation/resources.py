"""Where the files that ship with the package are: a checkout keeps them at its top level."""

from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
IMPORT_PATH: Final = PACKAGE.parent
"""What children that run our modules need on PYTHONPATH."""

_BUNDLED: Final = PACKAGE / "_data"  # present in a wheel, absent in a checkout
_ROOT: Final = _BUNDLED if _BUNDLED.is_dir() else IMPORT_PATH

TEMPLATES: Final = _ROOT / "templates"
CMAKE: Final = _ROOT / "cmake"
NATIVE: Final = _ROOT / "native"
JAVA: Final = _ROOT / "java"
LICENCE: Final = _ROOT / "LICENSE"
DATA: Final = PACKAGE / "data"
