"""Check a linked runtime and run the models in it."""

import re
from pathlib import Path
from typing import Final

from builder.build import BuildOutput
from builder.errors import VerificationError
from builder.model import Model
from builder.package import Check, Outcome
from builder.pipeline.values import Events, Planned, Request
from builder.policy import check_policy
from builder.process import Host
from builder.resources import NATIVE
from builder.verify import find_executor, registered_operators, run_model

_UNFILTERED: Final = "prim::tolist"
"""Registered by register_prim_ops.cpp without asking the allow-list, as it has no schema."""

_EXPORT: Final = re.compile(r"^\s+(br_\w+);$", re.MULTILINE)


def verify(  # noqa: PLR0917  one value of each stage before
    request: Request,
    models: tuple[Model, ...],
    planned: Planned,
    output: BuildOutput,
    host: Host,
    events: Events,
) -> tuple[Check, ...]:
    """Check the library, run the models; raise `VerificationError` with everything that failed."""
    target = planned.plan.target
    exports = frozenset(_EXPORT.findall((NATIVE / "build_runtime.map").read_text()))
    forbidden = tuple(str(path) for path in (host.cache, NATIVE.parent, Path.home()))
    broken = check_policy(output.library, target, exports=exports, forbidden_paths=forbidden)
    if broken:
        raise VerificationError(
            "the library breaks the rules for what may ship:\n    " + "\n    ".join(broken),
            hint=f"it is kept at {output.library}",
        )
    checks = [Check("elf policy", Outcome.PASSED)]
    if not request.verify:
        events.note("the models were not run: --no-verify")
        return (*checks, Check("run", Outcome.SKIPPED, reason="--no-verify"))
    executor = find_executor(target, host)
    if isinstance(executor, str):
        if request.require_run:
            raise VerificationError(
                f"the models cannot be run for {target}: {executor}",
                hint="install the emulator, or leave --require-run out",
            )
        events.note(f"the models were not run: {executor}")
        return (*checks, Check("run", Outcome.SKIPPED, reason=executor))
    _check_registry(planned, registered_operators(executor, output.program, host), output)
    checks.append(Check("registered operators", Outcome.PASSED, runner=executor.how))
    problems: list[str] = []
    for model, spec in zip(models, request.inputs, strict=True):
        result = run_model(model, spec, executor, output.program, host)
        problems += [f"{model.name}: {difference}" for difference in result.differences]
        if result.cases:
            checks.append(
                Check("outputs", Outcome.PASSED, "", model.name, executor.how, result.cases)
            )
            continue
        reason = "loaded, but not run: no inputs were given and none are bundled"
        if request.require_run:
            problems.append(f"{model.name}: {reason}")
        events.note(f"{model.name}: {reason} (--input FILE or --input-shape 1,3,224,224)")
        checks.append(Check("outputs", Outcome.SKIPPED, reason, model.name, executor.how))
    if problems:
        raise VerificationError(
            f"the runtime for {target} does not answer as desktop torch does:\n    "
            + "\n    ".join(problems),
            hint="if a kernel misses a dtype, add it with --dtypes; the library is kept at"
            f" {output.library}",
        )
    return tuple(checks)


def _check_registry(planned: Planned, registered: frozenset[str], output: BuildOutput) -> None:
    """Compare what is registered with what was selected; the interpreter has a few itself."""
    selected = {str(name) for name in planned.plan.selection.names}
    builtin = {str(name) for name in planned.catalogue.builtin} | {_UNFILTERED}
    missing = sorted(selected - registered)
    extra = sorted(registered - selected - builtin)
    if missing or extra:
        lines = [f"selected but not registered: {it}" for it in missing]
        lines += [f"registered but not selected: {it}" for it in extra]
        raise VerificationError(
            "the operators in the library are not those selected:\n    " + "\n    ".join(lines),
            hint=f"please report it; the library is kept at {output.library}",
        )
