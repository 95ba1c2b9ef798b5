"""Packing all ABIs of a request for Android: an AAR, a Maven repository with it, and more beside.

Beside the AAR are the folder it unpacks to, for builds without Gradle, the libraries with their
symbols, and the models unless these are in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from builder.artifact.android.images import images_name, package_images
from builder.artifact.android.layout import BENCHMARK, LIBRARY_NAME, model_place
from builder.artifact.android.packing import AbiContents, package, write_symbols
from builder.artifact.android.zips import unzip
from builder.artifact.manifest import BuildFacts, describe_model
from builder.artifact.maven.gradle import Extras
from builder.artifact.maven.repository import publish, withdraw
from builder.artifact.staging import Bundle
from builder.artifact.supply.provenance import statement_place, write_statement
from builder.foundation.coordinates import (
    REPLACED_FOR_IMAGES,
    Coordinates,
    for_images,
    replaced_by,
)
from builder.foundation.files import copy_atomic, new_directory
from builder.pipeline.packing.contents import contents_of, made_of, measured, result_of
from builder.pipeline.packing.inside import find_ours
from builder.pipeline.proving import Proven
from builder.pipeline.request import Built, Request
from builder.vocabulary.models import Model
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi

_REPOSITORY: Final = "maven"
_MODELS: Final = "models"
_TOOLS: Final = "tools"


def pack_aar(batch: tuple[Proven, ...], request: Request) -> Built:
    """Write one AAR for all targets of a batch, and what lies beside it."""
    sizes = tuple(map(measured, batch))
    parts = tuple(_part(it, request, size) for it, size in zip(batch, sizes, strict=True))
    coordinates, output = request.coordinates, request.output
    models = batch[0].models
    bundle = package(parts, coordinates, output, with_models=request.bundle_models)
    prefix = output / bundle.archive.stem.removeprefix("build-runtime-")
    with new_directory(prefix) as scratch:
        unzip(bundle.archive, scratch)
    symbols = write_symbols(_symbols(batch), output)
    statement = write_statement(bundle, (it.facts for it in parts))
    beside = tuple(_beside(() if request.bundle_models else models, output / _MODELS))
    tools = tuple(_tools(batch, output / _TOOLS))
    repository = output / _REPOSITORY
    names = tuple(it.name for it in models)
    published = publish(bundle.archive, coordinates, names, repository, _extras(batch[0]))
    images = _publish_images(batch, parts, coordinates, names, output)
    return Built(
        targets=tuple(made_of(it, bundle, size) for it, size in zip(batch, sizes, strict=True)),
        archive=bundle.archive,
        prefix=prefix,
        beside=(symbols, statement, *beside, *tools, *published.files, *images),
        package={
            "kind": "aar",
            "archive": str(bundle.archive),
            "archive_bytes": bundle.size,
            "archive_sha256": bundle.sha256,
            "folder": str(prefix),
            "targets": [str(it.target) for it in batch],
            "symbols": str(symbols),
            "models": [str(it) for it in beside],
            "repository": str(repository),
            "coordinates": str(coordinates),
        },
        text=_text(bundle, _modules(batch, coordinates), repository, sizes),
    )


def _modules(batch: Sequence[Proven], runtime: Coordinates) -> Iterator[tuple[Coordinates, str]]:
    """Yield what an app may name, and what for."""
    yield runtime, ""
    if any(it.java and it.java.images for it in batch):
        yield for_images(runtime), "  // the same, with TensorImageUtils"


def _publish_images(
    batch: Sequence[Proven],
    contents: Iterable[AbiContents],
    runtime: Coordinates,
    models: Iterable[str],
    output: Path,
) -> tuple[Path, ...]:
    """Write the AAR with the classes for images, if there are some; return what was written."""
    parts = [(it.target, it.java.images) for it in batch if it.java and it.java.images]
    coordinates = for_images(runtime)
    if not parts:  # what an earlier build left needs classes that are gone
        withdraw(coordinates, output / _REPOSITORY)
        archive = output / images_name(batch[0].target)
        for path in (archive, statement_place(archive)):
            path.unlink(missing_ok=True)
        return ()
    plan = batch[0].planned.plan
    bundle = package_images(parts, find_ours(plan, parts[0][1].library), coordinates, output)
    statement = write_statement(bundle, (it.facts for it in contents))
    extras = Extras(
        documents=parts[0][1].documents,
        stands_for=replaced_by(plan.source.version, REPLACED_FOR_IMAGES),
        needs=(runtime,),
        purpose="Makes tensors of bitmaps and camera frames",
    )
    published = publish(bundle.archive, coordinates, models, output / _REPOSITORY, extras)
    return (bundle.archive, statement, *published.files)


def _extras(proven: Proven) -> Extras:
    """Return what comes with classes: two libraries with the same ones crash an app."""
    if proven.java is None:
        return Extras()
    version = proven.planned.plan.source.version
    return Extras(documents=proven.java.documents, stands_for=replaced_by(version))


def _part(proven: Proven, request: Request, size: SizeReport) -> AbiContents:
    places = (model_place(it.name) if request.bundle_models else None for it in proven.models)
    models = tuple(map(describe_model, proven.models, places))
    return AbiContents(
        contents_of(proven, size),
        BuildFacts(proven.planned.plan, models),
        result_of(proven, request, size),
    )


def _symbols(batch: Iterable[Proven]) -> Iterator[tuple[Abi, Path]]:
    for it in batch:
        assert it.output.symbols is not None, "builds for archives of this kind keep them"
        yield it.target.abi, it.output.symbols


def _tools(batch: Iterable[Proven], folder: Path) -> Iterator[Path]:
    """Yield what is pushed to a device to time models there: the program, with its library."""
    for it in batch:
        of_abi = folder / it.target.abi
        for path, name in ((it.output.benchmark, BENCHMARK), (it.output.library, LIBRARY_NAME)):
            copy_atomic(path, of_abi / name)
            yield of_abi / name


def _beside(models: Iterable[Model], folder: Path) -> Iterator[Path]:
    for model in models:
        place = folder / f"{model.name}.ptl"
        copy_atomic(model.path, place)
        yield place


def _text(
    bundle: Bundle,
    modules: Iterable[tuple[Coordinates, str]],
    repository: Path,
    sizes: Iterable[SizeReport],
) -> str:
    """Return what an app adds to its Gradle files, and what a device downloads."""
    lines = [
        f"a device downloads one library: {_downloads(sizes)} (estimate)",
        f"the AAR has {bundle.size:,} bytes; in Gradle:",
        "  // settings.gradle.kts, below dependencyResolutionManagement",
        f'  repositories {{ maven {{ url = uri("{repository.resolve().as_posix()}") }} }}',
        "  // build.gradle.kts of the app",
        *(f'  dependencies {{ implementation("{it}") }}{why}' for it, why in modules),
    ]
    return "\n".join(lines)


def _downloads(sizes: Iterable[SizeReport]) -> str:
    return ", ".join(f"{it.target.abi} {it.download:,} bytes" for it in sizes)
