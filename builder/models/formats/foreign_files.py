"""Files that people have beside TorchScript models, told by their content, and what to do."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

HOW_TO_EXPORT: Final = (
    'export it from Python: torch.jit.script(model.eval()).save("model.pt")'
    ' or torch.jit.trace(model.eval(), example).save("model.pt")'
)
HEAD: Final = 512
"""How many bytes from the beginning tell what a file is."""

_OLD_SAVE: Final = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_NOT_DOWNLOADED: Final = (
    "download the file itself: a page stands in for it where a link leads to a viewer, or a login"
    " is needed"
)
_OTHER_RUNTIME: Final = "it is for another runtime: take the PyTorch module it was made of; then"
_UNPACK: Final = "unpack it, and name the model that is in it"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is no TorchScript model, in words, and what to do about it."""

    what: str
    do: str


def foreign_file(head: bytes) -> Foreign | None:
    """Return what a file is by its first bytes (`HEAD` of them); None for what is not known."""
    if _LFS_POINTER.match(head):
        size = re.search(rb"^size (\d{1,18})$", head, re.MULTILINE)
        told = f" of {int(size[1]):,} bytes" if size else ""
        return Foreign(
            f"a Git LFS pointer in place of a file{told} that was not downloaded",
            "run `git lfs pull` in its repository",
        )
    return next((told for matches, told in _HEADS if matches(head)), None)


def foreign_archive(names: Iterable[str]) -> Foreign | None:
    """Return what a zip archive is by the names of its records; None for what is not known."""
    names = tuple(names)
    return next((told for matches, told in _ARCHIVES if any(map(matches, names))), None)


def _at(offset: int, magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic, offset)


def _like(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern)
    return lambda head: compiled.match(head) is not None


def _text(pattern: bytes) -> Callable[[bytes], bool]:
    """Return what finds a text that begins so, after a byte order mark and blanks."""
    return _like(rb"(?i:(?:\xef\xbb\xbf)?\s*(?:" + pattern + rb"))")


def _named(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda name: compiled.fullmatch(name) is not None


_LFS_POINTER: Final = re.compile(rb"version https://git-lfs\.")

_HEADS: Final[tuple[tuple[Callable[[bytes], bool], Foreign], ...]] = (
    (
        _at(0, _OLD_SAVE),
        Foreign(
            "a pickle in the old format of torch.save (weights or a whole Python module)",
            f"load it into its Python module; then {HOW_TO_EXPORT}",
        ),
    ),
    (_at(0, b"\x80"), Foreign("a Python pickle", HOW_TO_EXPORT)),
    (_at(0, b"PYTORCH1"), Foreign("an archive of a PyTorch preview release", HOW_TO_EXPORT)),
    (
        _at(8, b'{"'),
        Foreign(
            "a safetensors file: weights without their code",
            "load them into their Python module (model.load_state_dict(safetensors.torch"
            f".load_file(path))); then {HOW_TO_EXPORT}",
        ),
    ),
    (
        _at(0, b"\x89HDF"),
        Foreign("an HDF5 file, as Keras writes them", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}"),
    ),
    (_at(4, b"TFL3"), Foreign("a TensorFlow Lite model", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}")),
    (_at(4, b"ET1"), Foreign("an ExecuTorch program", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}")),
    (_at(0, b"GGUF"), Foreign("a GGUF model", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}")),
    # protobuf: a version, then a text or another field (onnx.proto), or a message (Model.proto)
    (
        _at(0, b"\x08\x01\x12"),
        Foreign("a TensorFlow SavedModel", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}"),
    ),
    (
        _like(rb"\x08[\x02-\x14](?:\x12[\x01-\x7f][ -~]|[\x1a\x22\x28\x32\x3a\x42])"),
        Foreign("an ONNX model", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}"),
    ),
    (
        _like(rb"\x08[\x02-\x14]\x12[\x80-\xff]{0,4}[\x00-\x7f]\x0a"),
        Foreign("a Core ML model", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}"),
    ),
    (_at(0, b"\x93NUMPY"), Foreign("a NumPy array", "an array is no model: give it as --input")),
    (_at(0, b"\x7fELF"), Foreign("a program or a library", HOW_TO_EXPORT)),
    (
        _like(rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!"),
        Foreign("a compressed file", _UNPACK),
    ),
    (_at(257, b"ustar"), Foreign("a tar archive", _UNPACK)),
    (
        _text(rb"<!doctype html|<html|<head"),
        Foreign("a web page", _NOT_DOWNLOADED),
    ),
    (_text(rb"<\?xml|<error"), Foreign("an XML document", _NOT_DOWNLOADED)),
    (_text(rb"[{\[]\s*[\"{\[\]}]"), Foreign("JSON text", _NOT_DOWNLOADED)),
)
"""By the first bytes; the first that matches counts."""

_ARCHIVES: Final[tuple[tuple[Callable[[str], bool], Foreign], ...]] = (
    (
        _named(r"(.*/)?model\.weights\.h5"),
        Foreign("a Keras model", f"{_OTHER_RUNTIME} {HOW_TO_EXPORT}"),
    ),
    (
        _named(r"(.*/)?MAR-INF/MANIFEST\.json|MANIFEST\.json"),
        Foreign("a TorchServe archive", _UNPACK),
    ),
    (
        _named(r".*\.(pt|pth|ptl|ptm)"),
        Foreign("a zip archive around a model", _UNPACK),
    ),
    (
        _named(r".*\.npy"),
        Foreign("an archive of NumPy arrays", "arrays are no model: give them as --input"),
    ),
)
"""By the names of the records; the first that matches counts."""
