"""AARs and apps as builds make them, of small libraries that were recorded."""

import zipfile
from dataclasses import replace
from pathlib import Path

from builder.artifact.android import layout
from builder.artifact.android.packing import AbiContents, package
from builder.artifact.manifest import BuildFacts, describe_model
from builder.artifact.staging import Bundle
from builder.foundation.coordinates import Coordinates
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.unit.artifact.facts import ELF, make_contents, make_model, make_plan, make_result

COORDINATES = Coordinates("com.example", "my-models", "1.2.0-rc1")
ABIS = (Abi.ARM64_V8A, Abi.ARMEABI_V7A)


def part(
    root: Path, abi: Abi, *, with_models: bool = False, provider: str = "cache"
) -> AbiContents:
    """Return what was proven for one ABI."""
    target = make_target(Platform.ANDROID, abi)
    model = make_model(root)
    place = layout.model_place(model.name) if with_models else None
    facts = BuildFacts(
        make_plan(root, provider=provider, target=target), (describe_model(model, place),)
    )
    return AbiContents(make_contents(root, model, target), facts, make_result(target))


def make_aar(
    root: Path, abis: tuple[Abi, ...] = ABIS, *, with_models: bool = False, provider: str = "cache"
) -> Bundle:
    """Pack an AAR below a folder."""
    root.mkdir(parents=True, exist_ok=True)
    parts = tuple(part(root, it, with_models=with_models, provider=provider) for it in abis)
    return package(parts, COORDINATES, root / "dist", with_models=with_models)


def make_app(
    aar: Path,
    app: Path,
    *,
    module: str = "",
    compressed: bool = False,
    assets: bool = True,
    swapped: bool = False,
) -> Path:
    """Make an app of an AAR, as the Android plugin does: libraries in `lib/`, assets as they are.

    `swapped` takes the library of another build, as a second AAR with one of that name would.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(aar) as source, zipfile.ZipFile(app, "w") as made:
        made.writestr(f"{module}AndroidManifest.xml", b"binary")
        for name in source.namelist():
            if name.startswith("jni/"):
                data = library(Abi.X86) if swapped else source.read(name)
                made.writestr(f"{module}lib/{name.removeprefix('jni/')}", data, kind)
            elif name.startswith("assets/") and assets:
                made.writestr(f"{module}{name}", source.read(name))
    return app


def align(app: Path, page: int, *, off_by: int = 0) -> Path:
    """Copy an app so that the content of its libraries begins at a multiple of `page` bytes."""
    aligned = app.with_name(f"aligned-{page}-{off_by}-{app.name}")
    with zipfile.ZipFile(app) as source, zipfile.ZipFile(aligned, "w") as made:
        for name in source.namelist():
            member = zipfile.ZipInfo(name)
            start = made.start_dir + 30 + len(name)
            if name.endswith(".so"):
                member.extra = bytes((off_by - start) % page)
            made.writestr(member, source.read(name))
    return aligned


def library(abi: Abi) -> bytes:
    """Return the bytes of a library that an AAR holds."""
    return (ELF / abi / "tiny.so").read_bytes()


def without_proof(made: AbiContents) -> AbiContents:
    """Return what was built without running anything."""
    return replace(made, result=replace(made.result, checks=()))
