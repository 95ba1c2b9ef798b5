"""Write the models of two other examples side by side, to build one runtime for both."""

import argparse
import runpy
from pathlib import Path

import torch

EXAMPLES = Path(__file__).parents[1]
MODELS = ("classifier", "lstm_text")


def main() -> None:
    """Write `NAME.pt` and `NAME_inputs.pt` of each model into the folder named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        script = runpy.run_path(str(EXAMPLES / name / "make_model.py"), run_name=name)
        script["make_model"]().save(str(folder / f"{name}.pt"))
        torch.save(script["make_inputs"](), folder / f"{name}_inputs.pt")


if __name__ == "__main__":
    main()
