from pathlib import Path


def make(here: Path) -> None:
    # not a file of the tree: tools that look for the nearest pyproject.toml would trip over it
    (here / "pyproject.toml").write_text("[tool.build-runtime\n")
