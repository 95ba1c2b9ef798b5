"""Which targets a request is for, and which of them are packed together."""

from collections.abc import Iterable
from functools import partial

from builder.compilation.shared.launching.launchers import find_launcher
from builder.foundation.process import Host
from builder.pipeline.request import Events, Request
from builder.pipeline.wanted import Wanted
from builder.proof.execution import (
    fetch_executor,
    find_executor,
    find_runner,
    reach,
    refuse_unfit,
)
from builder.toolchains.java.jdk import find_jdk
from builder.toolchains.programs import find_programs
from builder.toolchains.table import choose_platform, provider_for
from builder.vocabulary.errors import UsageError, VerificationError
from builder.vocabulary.models import InputSpec, inputs_for
from builder.vocabulary.plan import Java
from builder.vocabulary.targets import Target, make_target, platform_facts, twin_of


def find_targets(request: Request, host: Host, events: Events) -> tuple[Target, ...]:
    """Return the targets of a request; raise `ToolchainError` where there is no toolchain.

    What `auto` chose is told, and so is which toolchain was found, and by which rule.
    """
    platform, why = choose_platform(request, host)
    provider = provider_for(platform, request)
    if why:
        events.note(f"platform: {platform}, built with {provider.name} ({why})")
    for line in provider.told(host):
        events.note(f"toolchain: {line}")
    return _targets(request, host)


def refuse_without_tools(request: Request, host: Host) -> None:
    """Raise `ToolchainError` where a tool is missing: before models are read, without a process."""
    platform, _ = choose_platform(request, host)
    provider = provider_for(platform, request)
    provider.find(host)
    find_programs(host)
    find_launcher(host)
    if request.pack is not None and not request.pack.is_file():
        raise UsageError(
            f"no such pack: {request.pack}", hint="check --pack, or leave the setting out"
        )
    if request.java.resolved(platform) is Java.ON:
        find_jdk(host)
    if request.runner:
        find_runner(request.runner, host)
    for target in _targets(request, host):
        provider.refuse(target, host)


def refuse_unrunnable(
    request: Request, targets: Iterable[Target], host: Host, events: Events
) -> None:
    """Raise `VerificationError` where models have to be run and cannot be, before any is built.

    With `prove_twin` it will do that they can be run in a twin. What it takes to run them is
    fetched now where it is missing.
    """
    if not (request.require_run and request.verify):
        return
    reasons = [
        f"{target}: {reason}"
        for target in targets
        if (reason := _unrun(request, target, host, events))
    ]
    if reasons:
        raise VerificationError(
            "the models cannot be run for " + "\n    ".join(reasons),
            hint="install what is missing, or leave --require-run out",
        )


def _unrun(request: Request, target: Target, host: Host, events: Events) -> str:
    """Return why models can be run neither in a target nor in the twin that may stand for it."""
    find = find_executor if request.source.offline else partial(fetch_executor, progress=events)
    own = reach(find(target, host, request.runner), target, host)
    if not isinstance(own, str):
        return ""
    twin = twin_of(target) if request.prove_twin else None
    if twin is None:
        return own
    other = find(twin, host)
    return f"{own}; nor in a twin for {twin}: {other}" if isinstance(other, str) else ""


def refuse_unreachable(request: Request, targets: Iterable[Target], host: Host) -> None:
    """Raise `ToolchainError` where the user's own runner runs programs of none of the targets.

    A device is asked what it is: better now than after the build.
    """
    if request.runner and request.verify:
        refuse_unfit(request.runner, targets, host)


def _targets(request: Request, host: Host) -> tuple[Target, ...]:
    platform, _ = choose_platform(request, host)
    return tuple(make_target(platform, abi, request.android_api) for abi in request.abis)


def batches(targets: Iterable[Target]) -> tuple[tuple[Target, ...], ...]:
    """Return which targets are packed together: by the kind of archive of their platform."""
    together: dict[object, list[Target]] = {}
    for target in targets:
        several = platform_facts(target.platform).archive.holds_several_abis
        together.setdefault(target.platform if several else target, []).append(target)
    return tuple(map(tuple, together.values()))


def refuse_without_inputs(request: Request, wanted: Wanted) -> None:
    """Raise `VerificationError` where a model has to be run and there is nothing to run it on."""
    if not (request.require_run and request.verify):
        return
    specs = request.inputs or (InputSpec(),) * len(wanted.models)
    pairs = zip(wanted.models, specs, strict=True)
    without = [model.name for model, spec in pairs if not inputs_for(model, spec).given]
    if without:
        raise VerificationError(
            f"--require-run: no inputs were given for {', '.join(without)}, and none are bundled",
            hint="give inputs: --input FILE or --input-shape 1,3,224,224",
        )
