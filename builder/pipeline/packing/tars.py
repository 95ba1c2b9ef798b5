"""Packing one target: a `.tar.gz`, and the folder it unpacks to."""

import tarfile

from builder.artifact.manifest import BuildFacts, describe_model
from builder.artifact.supply.provenance import write_statement
from builder.artifact.tar.layout import model_place
from builder.artifact.tar.packing import package
from builder.foundation.files import new_directory
from builder.pipeline.packing.contents import contents_of, made_of, measured, result_of
from builder.pipeline.proving import Proven
from builder.pipeline.request import Built, Request


def pack_tar(batch: tuple[Proven, ...], request: Request) -> Built:
    """Write the archive of one target, and the folder it unpacks to."""
    (proven,) = batch
    size = measured(proven)
    models = tuple(describe_model(it, model_place(it.name)) for it in proven.models)
    facts = BuildFacts(proven.planned.plan, models)
    bundle = package(
        contents_of(proven, size),
        facts,
        result=result_of(proven, request, size),
        destination=request.output,
    )
    prefix = request.output / str(proven.target)
    with new_directory(prefix) as scratch, tarfile.open(bundle.archive) as archive:
        archive.extractall(scratch)  # noqa: S202  we wrote it a moment ago
    return Built(
        targets=(made_of(proven, bundle, size),),
        archive=bundle.archive,
        prefix=prefix,
        beside=(write_statement(bundle, (facts,)),),
    )
