"""`inspect --diff`: what models need beyond another model, or beyond a runtime built earlier."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import RELEASE
from builder.artifact.opening import is_artifact, open_artifacts
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.libtorch.cuts import active_cuts
from builder.models.conversion.torchscript import read_model, reader
from builder.models.preflight.interpreter import read_interpreter
from builder.models.selection import make_profile, select, with_classes
from builder.pipeline.wanted import read_apart
from builder.proof.needs import unmet_needs
from builder.vocabulary.models import Model, Rewrite
from builder.vocabulary.operators import Holdings, OperatorName, Selection


@dataclass(frozen=True, slots=True)
class _Base:
    """What models are compared with. `selected` is what was asked for, `opcodes` what it uses.

    Of an artifact only the opcodes it can run are known, which are all of its release.
    """

    name: str
    kind: str
    path: Path
    selected: frozenset[OperatorName]
    opcodes: frozenset[str]
    holdings: Holdings
    rewrite: Rewrite


def difference(
    base: Path,
    paths: tuple[Path, ...],
    host: Host,
    rewrite: Rewrite,
    extension: Extension = NOTHING,
) -> dict[str, Any]:
    """Return what the models at `paths` need beyond `base`, a model or an artifact of a build.

    Raises `ModelError` for files that are no model, `UsageError` for a damaged artifact.
    """
    known = _base(base, host, rewrite, extension)
    # a runtime rewrites models as it was built to
    models = read_apart(paths, host, reader(known.rewrite, extension))
    needs = select(models)
    held = frozenset(use.name for use in known.holdings.operators)
    lacks = [(model, unmet_needs(model, select((model,)), known.holdings)) for model in models]
    return {
        "base": {
            "name": known.name, "kind": known.kind, "path": str(known.path),
            "operators": len(known.selected),
        },
        "runs": not any(unmet for _, unmet in lacks),
        "models": [
            {
                "name": model.name, "path": str(model.source), "runs": not unmet,
                "lacks": list(unmet),
            }
            for model, unmet in lacks
        ],
        "more": {
            "operators": [
                {"name": str(it.name), "models": list(it.models)}
                for it in needs.operators
                if it.name not in held
            ],
            "opcodes": sorted(needs.opcodes - known.opcodes),
            "classes": sorted(needs.classes - known.holdings.classes),
            "dtypes": sorted(needs.dtypes - known.holdings.dtypes),
            "upgraders": needs.upgraders and not known.holdings.upgraders,
        },
        "unused": {"operators": sorted(map(str, known.selected - needs.names))},
    }  # fmt: skip


def _base(path: Path, host: Host, rewrite: Rewrite, extension: Extension) -> _Base:
    if is_artifact(path):
        with open_artifacts(path, host.cache / "scratch") as artifacts:
            artifact = artifacts[0]  # all ABIs of an artifact hold the same
            selected = frozenset(map(OperatorName.parse, artifact.selected))
            held = artifact.holdings
            return _Base(
                path.name, "artifact", path, selected, held.opcodes, held, artifact.rewrite
            )
    model = read_model(path, host, rewrite, extension)
    selection = select((model,))
    held = _built_for(model, selection, extension)
    return _Base(model.name, "model", path, selection.names, selection.opcodes, held, rewrite)


def _built_for(model: Model, selection: Selection, extension: Extension) -> Holdings:
    """Return what a runtime built for one model would hold, by the facts of the pinned release."""
    catalogue = extension.extend(pinned_catalogue(RELEASE))
    interpreter = read_interpreter(RELEASE)
    known = tuple(it for it in selection.operators if it.name in catalogue.entries)
    whole = with_classes(
        Selection(known, model.classes, selection.dtypes, selection.opcodes, selection.upgraders),
        catalogue,
    )
    own = extension.files if extension.called_by(whole.names) else ()
    return Holdings(
        operators=catalogue.held(whole.names),
        classes=whole.classes,
        dtypes=make_profile(whole, None).dtypes | whole.dtypes,
        opcodes=interpreter.instructions,
        left_out=frozenset(cut.feature for cut in active_cuts(whole, extension=own)),
        upgraders=whole.upgraders,
        bytecode_versions=interpreter.bytecode,
        operator_versions=interpreter.operator_sets,
    )


def to_text(document: dict[str, Any]) -> str:
    """Return a difference for people."""
    base, more = document["base"], document["more"]
    names = ", ".join(model["name"] for model in document["models"])
    needs = "needs" if len(document["models"]) == 1 else "need"
    operators = more["operators"]
    count = f"{len(operators) or 'no'} operator{'' if len(operators) == 1 else 's'}"
    lines = [f"{names} {needs} {count} more than {base['name']} has"]
    lines += [
        f"{what} that {base['name']} does not use: {', '.join(more[what])}"
        for what in ("classes", "dtypes", "opcodes")
        if more[what]
    ]
    if more["upgraders"]:
        lines.append("functions that stand in for operators of old models")
    if unused := document["unused"]["operators"]:
        lines.append(f"operators of {base['name']} that nothing here uses: {', '.join(unused)}")
    runtime = (
        f"the runtime built for {base['name']}"
        if base["kind"] == "model"
        else f"the runtime in {base['path']}"
    )
    for model in document["models"]:
        if model["runs"]:
            lines.append(f"{model['name']} can run on {runtime}")
            continue
        lines.append(f"{model['name']} cannot run on {runtime}:")
        lines += [f"  {it}" for it in model["lacks"]]
    return "\n".join(lines)
