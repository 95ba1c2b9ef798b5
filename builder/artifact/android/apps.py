"""Apps that hold our library: an APK, or the bundle (AAB) that a store makes APKs of.

Their manifest is an asset of the AAR: see Note [Manifests of apps] in
`builder.artifact.android.layout`. What AGP strips once more has other bytes and the same build id.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from builder.artifact.android import layout
from builder.artifact.android.unpacking import read_targets
from builder.artifact.android.zips import content_offset, extract, read_member, reading_zip
from builder.artifact.reading import Artifact, Places, inner, read_document
from builder.foundation.elf import read_elf
from builder.vocabulary.checks import ALIGNMENT, FILES, Check, Outcome
from builder.vocabulary.errors import UsageError, VerificationError
from builder.vocabulary.targets import STORE_PAGE, Abi, abi_facts

_LIBRARY: Final = re.compile(
    rf"(?P<module>[\w.-]+/)?lib/(?P<abi>{'|'.join(Abi)})/{re.escape(layout.LIBRARY_NAME)}"
)
_NATIVE: Final = re.compile(rf"lib/({'|'.join(Abi)})/[^/]+\.so$")
_LARGEST_LIBRARY: Final = 1 << 30
_LARGEST_MANIFEST: Final = 64 << 20
_SHOWN: Final = 5
_SMALL_PAGE: Final = 0x1000
"""What 32-bit devices have: 4 KB."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A library of ours in an app. `offset` is where it begins, None if it is compressed.

    `module` is the part of a bundle that it is in, with a slash; empty in an APK.
    """

    abi: Abi
    name: str
    module: str
    offset: int | None


def is_app(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is an app, and no AAR."""
    names = set(archive.namelist())
    return str(layout.CLASSES) not in names and any(
        it == "BundleConfig.pb" or it.endswith("AndroidManifest.xml") or _NATIVE.match(it)
        for it in names
    )


def read_app(source: Path, root: Path) -> tuple[Artifact, ...]:
    """Return what an app holds of ours, one value for each ABI; libraries are unpacked to `root`.

    Raise `UsageError` for an app without our library, or without its manifest.
    """
    with reading_zip(source) as archive:
        held = tuple(_held(archive))
        if not held:
            raise _nothing(source, archive)
        text = _manifest(archive, held, source)
        for it in held:
            extract(archive, archive.getinfo(it.name), root / inner(it.name))
    known = read_targets(read_document(text, source), source, root)
    return tuple(_artifact(it, known, source, root) for it in held)


def _held(archive: zipfile.ZipFile) -> Iterator[_Held]:
    for member in archive.infolist():
        found = _LIBRARY.fullmatch(member.filename)
        if found is None:
            continue
        if member.file_size > _LARGEST_LIBRARY:
            message = f"{member.filename} is too large"
            raise ValueError(message)
        stored = member.compress_type == zipfile.ZIP_STORED
        offset = content_offset(archive, member) if stored else None
        yield _Held(Abi(found["abi"]), member.filename, found["module"] or "", offset)


def _manifest(archive: zipfile.ZipFile, held: Iterable[_Held], source: Path) -> bytes:
    places = [f"{it}{layout.MANIFEST}" for it in dict.fromkeys(it.module for it in held)]
    for place in places:
        text = read_member(archive, place, _LARGEST_MANIFEST)
        if text is not None:
            return text
    raise UsageError(
        f"{source} holds {layout.LIBRARY_NAME}, but nothing says what is in it",
        looked_in=places,
        hint="name the AAR it came from, or build the app with that AAR and its assets",
    )


def _nothing(source: Path, archive: zipfile.ZipFile) -> UsageError:
    places = [it for it in archive.namelist() if it.endswith(".so")]
    more = [f"and {len(places) - _SHOWN} more"] if len(places) > _SHOWN else []
    shown = [*places[:_SHOWN], *more]
    return UsageError(
        f"{source} holds no {layout.LIBRARY_NAME}",
        looked_in=shown or ["lib/<abi>/ (there is none)"],
        hint="build the app with the AAR of `build-runtime MODEL --abi … --platform android`",
    )


def _artifact(held: _Held, known: tuple[Artifact, ...], source: Path, root: Path) -> Artifact:
    """Return a library of an app with what the manifest says of its ABI."""
    ours = next((it for it in known if it.target.abi is held.abi), None)
    if ours is None:
        has = ", ".join(it.target.abi for it in known)
        raise UsageError(
            f"{source}: {held.name} is not in its manifest, which tells of {has}",
            hint="build the app with one AAR for all its ABIs",
        )
    places = Places(PurePosixPath(held.name), None, None, None, None, None)
    checks = (_identity(root / held.name, held, ours), _alignment(held))
    return replace(ours, root=root, models=(), files=(), places=places, found=checks)


def _identity(library: Path, held: _Held, ours: Artifact) -> Check:
    """Compare build ids: the library may come from elsewhere, or be damaged."""
    try:
        build_id = read_elf(library).build_id
    except VerificationError as error:
        return _failed(FILES, f"{held.name}: {error.message}", error.hint)
    if build_id == ours.build_id:
        return Check(name=FILES, outcome=Outcome.PASSED)
    return _failed(
        FILES,
        f"{held.name}: its build id is {build_id or 'none'}, that of the manifest {ours.build_id}",
        "the app takes the library from elsewhere: look for a second .so, or a second AAR",
    )


def _alignment(held: _Held) -> Check:
    """Say whether a loader can map the library out of the zip archive."""
    if held.module:
        return _skipped("stores align libraries when they make APKs of a bundle")
    if held.offset is None:
        return _skipped(f"{held.name} is compressed: it is unpacked when the app is installed")
    page = STORE_PAGE if abi_facts(held.abi).bits == 64 else _SMALL_PAGE  # noqa: PLR2004  bits
    if held.offset % page == 0:
        return Check(name=ALIGNMENT, outcome=Outcome.PASSED)
    return _failed(
        ALIGNMENT,
        f"{held.name} begins at byte {held.offset}, no multiple of {page >> 10} KB",
        "zipalign -P 16 -f 4 IN.apk OUT.apk, or the Android Gradle plugin 8.5.1 or newer",
    )


def _skipped(reason: str) -> Check:
    return Check(name=ALIGNMENT, outcome=Outcome.SKIPPED, reasons=(reason,))


def _failed(name: str, reason: str, hint: str) -> Check:
    return Check(name=name, outcome=Outcome.FAILED, reasons=(reason,), hint=hint)
