"""Make models of upstream's suite from its own scripts, `test/mobile/model_test` of the source.

    python upstream_models.py SCRIPTS FOLDER NAME...

`gen_test_model.py` says which class is which model. It cannot be run itself: it imports torchvision
and fetches weights.
"""

import ast
import importlib
import io
import sys
import tarfile
import warnings
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

SCRIPTS: Final = "test/mobile/model_test"


def unpack_scripts(archive: Path, folder: Path) -> Path:
    """Unpack the scripts out of the source's archive, of which builds leave tests packed."""
    with tarfile.open(archive) as opened:
        for member in opened:
            if f"/{SCRIPTS}/" in member.name and member.name.endswith(".py"):
                content = opened.extractfile(member)
                assert content is not None
                (folder / Path(member.name).name).write_bytes(content.read())
    return folder


def read_table(scripts: Path) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return the module and the class of each model, and the names of those that are traced."""
    tree = ast.parse((scripts / "gen_test_model.py").read_text())
    modules = {
        each.name: str(it.module)
        for it in tree.body
        if isinstance(it, ast.ImportFrom)
        for each in it.names
    }
    tables = {
        target.id: it.value
        for it in tree.body
        if isinstance(it, ast.Assign)
        for target in it.targets
        if isinstance(target, ast.Name)
    }
    classes: Any = tables["all_modules"]
    named = {
        key.value: (modules[call.func.id], call.func.id)
        for key, call in zip(classes.keys, classes.values, strict=True)
    }
    return named, ast.literal_eval(tables["models_need_trace"])


def write_models(scripts: Path, folder: Path, names: list[str]) -> None:
    """Write models as `.pt`."""
    sys.path.insert(0, str(scripts))
    named, traced = read_table(scripts)
    for name in names:
        module, kind = named[name]
        model = getattr(importlib.import_module(module), kind)()
        if not isinstance(model, torch.nn.Module):
            model = model.getModule()
        make: Any = (
            partial(torch.jit.trace, example_inputs=[]) if name in traced else torch.jit.script
        )
        made = make(model)
        made.save(str(folder / f"{name}.pt"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    with redirect_stdout(io.StringIO()):
        write_models(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
