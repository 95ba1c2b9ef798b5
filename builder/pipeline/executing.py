"""Dtypes that models make while they run: what their files cannot tell, and kernels must have."""

from dataclasses import replace

from builder.foundation.process import Host
from builder.models.selection import make_profile, select
from builder.models.tracing.execution_trace import Trace
from builder.models.tracing.trace_model import trace_model
from builder.pipeline.request import Events, Request
from builder.vocabulary.dtypes import KNOWN_DTYPES
from builder.vocabulary.errors import ModelError, ToolchainError
from builder.vocabulary.models import InputSpec, Model


def with_run_dtypes(
    models: tuple[Model, ...], request: Request, host: Host, events: Events
) -> tuple[Model, ...]:
    """Run models that have inputs in desktop torch; add the dtypes they need beyond the usual ones.

    Where they cannot be run a note says so: the dtypes of the stored tensors stay. Raise
    `UsageError` for inputs that cannot be read, as nobody wants to wait for a build to hear it.
    """
    specs = request.inputs or (InputSpec(),) * len(models)
    return tuple(
        _with_run_dtypes(model, spec, request.dtypes, host, events)
        for model, spec in zip(models, specs, strict=True)
    )


def _with_run_dtypes(
    model: Model,
    spec: InputSpec,
    chosen: frozenset[str] | None,
    host: Host,
    events: Events,
) -> Model:
    if not spec.given and model.bundled_inputs:
        spec = InputSpec(bundled=True)
    if not spec.given:
        return model
    events.step(f"running {model.name} in desktop torch on {spec.describe()}")
    try:
        trace = trace_model(model, spec, host)
    except (ModelError, ToolchainError) as error:
        events.note(f"{error.message}: the dtypes it makes are not known")
        return model
    more = (trace.dtypes & KNOWN_DTYPES) - make_profile(select((model,)), chosen).dtypes
    _tell(model, trace, more, events, added=chosen is None)
    return model if chosen is not None else replace(model, run_dtypes=more)


def _tell(model: Model, trace: Trace, more: frozenset[str], events: Events, *, added: bool) -> None:
    for made in trace.made:
        if made.dtype in more:
            what = "its kernels are built" if added else "--dtypes leaves it out"
            events.note(f"{model.name}: {made.describe()}: {what}")
