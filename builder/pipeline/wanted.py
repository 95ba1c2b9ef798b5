"""What a runtime is asked to hold: by models, and by operator lists instead of them or besides."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from pathlib import Path

from builder import RELEASE
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.libtorch.catalogue import Catalogue
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.torchscript import read_model, reader
from builder.models.lists.operator_list import EMPTY, OperatorList
from builder.models.lists.reading import read_list
from builder.models.lists.resolving import expand, from_selection, to_selection
from builder.models.preflight.checks import find_problems
from builder.models.preflight.interpreter import read_interpreter
from builder.models.preflight.problems import LackingError, Problem, refuse
from builder.models.selection import select
from builder.source.request import SourceRequest
from builder.vocabulary.dtypes import KNOWN_DTYPES
from builder.vocabulary.errors import BuildRuntimeError, UsageError
from builder.vocabulary.models import Model, Rewrite
from builder.vocabulary.operators import Selection
from builder.vocabulary.plan import Kernels


@dataclass(frozen=True, slots=True)
class Wanted:
    """Models, the union of all operator lists, and the operators of the user's own."""

    models: tuple[Model, ...]
    listed: OperatorList = EMPTY
    extension: Extension = NOTHING

    def merged(self, catalogue: Catalogue | None = None) -> OperatorList:
        """Return all that is asked for as one list.

        Without a catalogue, names that stand for every overload stay as they are: enough to know
        which kinds of kernels are needed.
        """
        listed = self.listed if catalogue is None else expand(self.listed, catalogue)
        return from_selection(select(self.models)) | listed

    @property
    def own_called(self) -> bool:
        """Whether any operator of the user's own is asked for."""
        return self.extension.called_by(self.selection(RELEASE).names)

    def selection(self, version: str, catalogue: Catalogue | None = None) -> Selection:
        """Return all that is asked for of a release; see `merged` for what the catalogue is for."""
        interpreter = read_interpreter(version)
        return to_selection(
            self.merged(catalogue),
            instructions=interpreter.instructions,
            classes=interpreter.classes,
            all_dtypes=KNOWN_DTYPES,
        )

    def problems(self, version: str, catalogue: Catalogue) -> tuple[Problem, ...]:
        """Return what a source with these operators cannot do."""
        selection = self.selection(version, catalogue)
        return find_problems(self.models, selection, catalogue, read_interpreter(version))


def names_apart(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return what each model is called: its file, or its path where two files have one name."""
    paths = tuple(paths)
    times = Counter(path.stem for path in paths)
    return tuple(path.stem if times[path.stem] == 1 else str(path) for path in paths)


ReadModel = Callable[[Path, Host], Model]
"""How a model is read: as it ships, or as it was exported (`read_exported`)."""


def read_each(
    paths: Iterable[Path], host: Host, read: ReadModel = read_model
) -> tuple[Model | BuildRuntimeError, ...]:
    """Read all models, under names that differ; return the error of each that cannot be read."""
    paths = tuple(paths)
    return tuple(map(partial(_read, read, host), paths, names_apart(paths)))


def _read(read: ReadModel, host: Host, path: Path, name: str) -> Model | BuildRuntimeError:
    try:
        return replace(read(path, host), name=name)
    except LackingError as error:
        return LackingError(tuple(it.called(name) for it in error.problems), error.version)
    except BuildRuntimeError as error:
        return error


def read_apart(
    paths: Iterable[Path], host: Host, read: ReadModel = read_model
) -> tuple[Model, ...]:
    """Read all models, under names that differ; raise one error for all that cannot be read."""
    found = read_each(paths, host, read)
    models = tuple(it for it in found if isinstance(it, Model))
    if errors := [it for it in found if isinstance(it, BuildRuntimeError)]:
        raise together(errors)
    return models


def read_models(
    paths: Iterable[Path], host: Host, read: ReadModel = read_model
) -> tuple[Model, ...]:
    """Read all models; raise `UsageError` when two have one name, as their files would collide.

    Otherwise raise one error for all that cannot be read.
    """
    paths = tuple(paths)
    twice = sorted(name for name, times in Counter(it.stem for it in paths).items() if times > 1)
    if twice:
        raise UsageError(
            f"two models are named {', '.join(twice)}",
            hint="rename one file: in a runtime the name tells models apart",
        )
    return read_apart(paths, host, read)


def together(errors: Sequence[BuildRuntimeError]) -> BuildRuntimeError:
    """Return one error that tells several; its exit code is that of the worst."""
    if len(errors) == 1:
        return errors[0]
    lacking = [it for it in errors if isinstance(it, LackingError)]
    if len(lacking) == len(errors):
        return LackingError(tuple(it for error in lacking for it in error.problems), RELEASE)
    worst = max(errors, key=lambda it: it.exit_code)
    return type(worst)(
        "\n".join(it.message for it in errors),
        looked_in=dict.fromkeys(it for error in errors for it in error.looked_in),
        hint="\n       ".join(dict.fromkeys(it.hint for it in errors if it.hint)),
    )


def read_lists(lists: Iterable[Path], extra: Iterable[Path]) -> OperatorList:
    """Return the union of operator lists; `extra` are lists of what an app calls from C++."""
    given = [read_list(path) for path in lists]
    given += [read_list(path).called_from_code() for path in extra]
    return reduce(or_, given, EMPTY)


def read_wanted(  # noqa: PLR0917  what, and how it is read
    models: Iterable[Path],
    lists: Iterable[Path],
    extra: Iterable[Path],
    host: Host,
    rewrite: Rewrite,
    extension: Extension = NOTHING,
) -> Wanted:
    """Read models, rewritten as a setting says, and lists; `extra` list what an app calls from C++.

    Raise `UsageError` when nothing at all is asked for.
    """
    lists = tuple(lists)
    listed = read_lists(lists, extra)
    read = reader(rewrite, extension)
    wanted = Wanted(read_models(models, host, read), listed, extension)
    refuse_nothing(wanted, lists)
    return wanted


def refuse_nothing(wanted: Wanted, lists: Iterable[Path]) -> None:
    """Raise `UsageError` when nothing at all is asked for."""
    roots = wanted.listed.all_operators or any(it.root for it in wanted.listed.operators)
    if not wanted.models and not roots:
        raise UsageError(
            f"no operator to call in {', '.join(path.name for path in lists)}",
            hint="name a model, or a list with at least one root operator",
        )


def pinned_problems(
    wanted: Wanted, version: str, kernels: Kernels = Kernels.AUTO
) -> tuple[Problem, ...]:
    """Return what the pinned source of a release cannot do; needs neither it nor a toolchain."""
    known = pinned_catalogue(version).usable(kernels)
    return wanted.problems(version, wanted.extension.extend(known))


def refuse_early(wanted: Wanted, source: SourceRequest, kernels: Kernels = Kernels.AUTO) -> None:
    """Raise `ModelError` with every problem before anything is fetched.

    A source of the user's may have other operators: it is asked when it has been read.
    """
    if source.pinned:
        refuse(pinned_problems(wanted, source.version, kernels), source.version)
