"""What models answer and which dtypes they make: their files cannot tell, desktop torch can."""

from dataclasses import dataclass, replace
from pathlib import Path

from builder.extensions.libraries import refuse_unloadable
from builder.foundation.process import Host
from builder.models.selection import make_profile, select
from builder.models.tracing.execution_trace import Trace
from builder.models.tracing.trace_model import trace_model
from builder.pipeline.request import Events, Request
from builder.pipeline.wanted import Wanted
from builder.proof.model_run import Answers, ask_torch, refuse_other_answers
from builder.vocabulary.dtypes import KNOWN_DTYPES
from builder.vocabulary.errors import BuildRuntimeError, ModelError, ToolchainError
from builder.vocabulary.models import InputSpec, Model, inputs_for


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What is asked for, with the dtypes its models make, and what desktop torch answers.

    `answers` has one entry per model, None for one without inputs.
    """

    wanted: Wanted
    answers: tuple[Answers | None, ...]


def rehearse(
    wanted: Wanted, request: Request, folder: Path, host: Host, events: Events
) -> Rehearsed:
    """Run the models that have inputs in desktop torch; the answers are kept in a folder.

    This comes before anything is fetched or compiled: raise `UsageError` for inputs that cannot be
    read or compared, `ModelError` for a model that does not run on them, `VerificationError` for
    one that answers otherwise since it was rewritten for speed.
    """
    if request.verify or request.inputs:
        refuse_unloadable(wanted.models, host)
    specs = request.inputs or (InputSpec(),) * len(wanted.models)
    pairs = tuple(zip(wanted.models, specs, strict=True))
    answers = tuple(
        _answers(model, spec, request, folder / str(number), host, events)
        for number, (model, spec) in enumerate(pairs)
    )
    models = tuple(
        _with_run_dtypes(*pair, told, request.dtypes, host, events)
        for pair, told in zip(pairs, answers, strict=True)
    )
    return Rehearsed(replace(wanted, models=models), answers)


def _answers(  # noqa: PLR0917  what, on what, how, and where
    model: Model, given: InputSpec, request: Request, folder: Path, host: Host, events: Events
) -> Answers | None:
    spec = inputs_for(model, given)
    if not (given.given or (request.verify and spec.given)):
        return None
    events.step(f"running {model.name} in desktop torch on {spec.describe()}")
    folder.mkdir()
    answers = ask_torch(model, spec, folder, host)
    refuse_other_answers(model, answers, request.limits)
    return answers


def _with_run_dtypes(  # noqa: PLR0917  what, on what, how, and where
    model: Model,
    spec: InputSpec,
    answers: Answers | None,
    chosen: frozenset[str] | None,
    host: Host,
    events: Events,
) -> Model:
    """Add the dtypes a model makes beyond the usual ones.

    Where it cannot be traced a note says so: the dtypes of the stored tensors stay. Raise
    `ModelError` for a model that runs as it was exported, and not in a lite interpreter.
    """
    spec = inputs_for(model, spec)
    if not spec.given or model.own.unanswered:  # torch cannot run it: a note says so later
        return model
    events.step(f"tracing {model.name} in desktop torch on {spec.describe()}")
    try:
        trace = trace_model(model, spec, host)
    except ModelError as error:
        if answers is not None:
            raise _not_lite(model, error) from error
        return _untraced(model, error, events)
    except ToolchainError as error:
        return _untraced(model, error, events)
    more = (trace.dtypes & KNOWN_DTYPES) - make_profile(select((model,)), chosen).dtypes
    _tell(model, trace, more, events, added=chosen is None)
    return model if chosen is not None else replace(model, run_dtypes=more)


def _tell(model: Model, trace: Trace, more: frozenset[str], events: Events, *, added: bool) -> None:
    for made in trace.made:
        if made.dtype in more:
            what = "its kernels are built" if added else "--dtypes leaves it out"
            events.note(f"{model.name}: {made.describe()}: {what}")


def _untraced(model: Model, error: BuildRuntimeError, events: Events) -> Model:
    events.note(f"{error.message}: the dtypes it makes are not known")
    return model


def _not_lite(model: Model, error: ModelError) -> ModelError:
    return ModelError(
        f"{model.name} runs as it was exported, but not in a lite interpreter\n    {error.message}",
        hint="write what this names with other operators, and export the model again",
    )
