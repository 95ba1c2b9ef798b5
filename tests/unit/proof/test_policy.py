from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.elf import ElfFile, Export, Section, read_elf
from builder.proof import policy
from builder.proof.policy import Known, check_policy, violations
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from tests.places import RECORDED

ELF = RECORDED / "elf"
NAME = "libbuild_runtime.so"
EXPORTS = frozenset({"br_name", "br_call"})
LINUX = make_target(Platform.LINUX, Abi.ARM64_V8A)
ANDROID = make_target(Platform.ANDROID, Abi.ARM64_V8A)


@pytest.fixture
def good() -> ElfFile:
    return read_elf(ELF / "arm64-v8a" / "tiny.so")


def shipped(folder: Path, abi: Abi = Abi.ARM64_V8A, more: bytes = b"", *, name: str = NAME) -> Path:
    """Write a recorded library under the name it ships with, with more bytes at its end."""
    library = folder / name
    library.write_bytes((ELF / abi / "tiny.so").read_bytes() + more)
    return library


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("abi", [Abi.ARM64_V8A, Abi.ARMEABI_V7A, Abi.X86])
def test_a_clean_library_breaks_no_rule(tmp_path: Path, platform: Platform, abi: Abi) -> None:
    library = shipped(tmp_path, abi)
    target = make_target(platform, abi)
    assert check_policy(library, target, EXPORTS, Known(forbidden_paths=("/home",))) == ()


def loads(elf: ElfFile, *, align: int = 0x4000, offset: int | None = None) -> ElfFile:
    """Return `elf` with its second loaded segment changed."""
    position = [it.kind for it in elf.segments].index("PT_LOAD", 2)
    segments = list(elf.segments)
    old = segments[position]
    moved = old.offset if offset is None else offset
    segments[position] = replace(old, align=align, offset=moved)
    return replace(elf, segments=tuple(segments))


def without(elf: ElfFile, kind: str) -> ElfFile:
    return replace(elf, segments=tuple(it for it in elf.segments if it.kind != kind))


def executable(elf: ElfFile, kind: str) -> ElfFile:
    segments = tuple(
        replace(it, executable=it.kind == kind or it.executable) for it in elf.segments
    )
    return replace(elf, segments=segments)


def with_section(elf: ElfFile, name: str) -> ElfFile:
    return replace(elf, sections=(*elf.sections, Section(name, 0, 0, 8, 8)))


def with_dynamic(elf: ElfFile, *names: str) -> ElfFile:
    return replace(elf, dynamic=elf.dynamic | {*names})


BROKEN: dict[str, tuple[Callable[[ElfFile], ElfFile], str]] = {
    "program": (lambda it: replace(it, kind="ET_EXEC"), "it is no shared library"),
    "class": (lambda it: replace(it, bits=32), "it is a 32-bit file, arm64-v8a is 64-bit"),
    "machine": (
        lambda it: replace(it, machine="EM_X86_64"),
        "it is for the machine EM_X86_64, arm64-v8a is EM_AARCH64",
    ),
    "soname": (lambda it: replace(it, soname=""), "it has no SONAME"),
    "build id": (lambda it: replace(it, build_id=""), "it has no build id"),
    "symbols": (lambda it: with_section(it, ".symtab"), "it is not stripped: it has .symtab"),
    "debug": (lambda it: with_section(it, ".debug_line"), "it has .debug_line"),
    "small pages": (lambda it: loads(it, align=0x1000), "aligned to 0x1000, not to 16 KB pages"),
    "no alignment": (lambda it: loads(it, align=0), "aligned to 0x0, not to 16 KB pages"),
    "bad offset": (lambda it: loads(it, offset=0x10), "is not congruent with its address"),
    "needed": (
        lambda it: replace(it, needed=("libc.so.6", "libstdc++.so.6")),
        "it needs libstdc++.so.6: not on every linux device",
    ),
    "run path": (lambda it: replace(it, run_paths=("/opt/x",)), "it has the run path /opt/x"),
    "text relocations": (lambda it: replace(it, text_relocations=True), "text relocations"),
    "packed for loaders": (lambda it: with_dynamic(it, "DT_RELR"), "(DT_RELR) to loaders"),
    "packed for nobody": (
        lambda it: with_dynamic(it, "DT_ANDROID_RELR"),
        "no function that applies them (DT_INIT)",
    ),
    "stack": (lambda it: executable(it, "PT_GNU_STACK"), "executable stack"),
    "no stack header": (lambda it: without(it, "PT_GNU_STACK"), "executable stack"),
    "relro": (lambda it: without(it, "PT_GNU_RELRO"), "it has no RELRO segment"),
    "lazy": (lambda it: replace(it, bind_now=False), "it binds symbols lazily"),
    "missing export": (
        lambda it: replace(it, exports=it.exports - {Export("br_call", "BUILD_RUNTIME_1")}),
        "it does not export br_call",
    ),
    "extra export": (
        lambda it: replace(it, exports=it.exports | {Export("_ZN2at3addEv", "BUILD_RUNTIME_1")}),
        "it exports _ZN2at3addEv: not part of its interface",
    ),
    "no version": (
        lambda it: replace(it, exports=frozenset({Export("br_call"), Export("br_name", "V")})),
        "it exports br_call without a version",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_rule_is_one_sentence(name: str, good: ElfFile) -> None:
    change, sentence = BROKEN[name]
    (found,) = violations(change(good), LINUX, EXPORTS)
    assert sentence in found


def test_packed_relocations_are_applied_by_the_library_or_by_the_loaders_of_a_platform(
    good: ElfFile,
) -> None:
    assert not violations(with_dynamic(good, "DT_ANDROID_RELR", "DT_INIT"), LINUX, EXPORTS)
    for name in ("DT_ANDROID_RELR", "DT_RELR"):
        assert not violations(with_dynamic(good, name), ANDROID, EXPORTS)


def test_writable_code_is_refused(good: ElfFile) -> None:
    segments = tuple(replace(it, writable=True) for it in good.segments)
    assert violations(replace(good, segments=segments), LINUX, EXPORTS) == (
        "it has a segment that is both writable and executable",
    )


def test_all_broken_rules_are_told_at_once(good: ElfFile) -> None:
    bad = replace(good, soname="", bind_now=False, needed=("libgomp.so.1",))
    assert len(violations(bad, LINUX, EXPORTS)) == 3


@pytest.mark.parametrize(
    ("target", "needed", "allowed"),
    [
        (LINUX, "ld-linux-aarch64.so.1", True),
        (LINUX, "ld-linux.so.2", True),
        (LINUX, "librt.so.1", True),
        (LINUX, "liblog.so", False),
        (ANDROID, "liblog.so", True),
        (ANDROID, "libc.so", True),
        (ANDROID, "libc.so.6", False),
        (ANDROID, "libc++_shared.so", False),
    ],
)
def test_what_a_device_has_depends_on_the_platform(
    good: ElfFile, target: Target, needed: str, *, allowed: bool
) -> None:
    assert (violations(replace(good, needed=(needed,)), target, EXPORTS) == ()) == allowed


def test_32_bit_abis_may_have_small_pages() -> None:
    elf = loads(read_elf(ELF / "x86" / "tiny.so"), align=0x1000)
    assert violations(elf, make_target(Platform.LINUX, Abi.X86), EXPORTS) == ()


def test_many_names_are_shortened(good: ElfFile) -> None:
    extra = frozenset(Export(f"leak_{number}", "V") for number in range(9))
    (found,) = violations(replace(good, exports=good.exports | extra), LINUX, EXPORTS)
    assert "leak_4 and 4 more" in found


@pytest.mark.parametrize(
    ("hidden", "forbidden", "found"),
    [
        (b"/home/ann/src/x.cpp", "/home/ann", True),
        (b"/home/ann", "/home/ann/", True),
        (b"/home/anna/src/x.cpp", "/home/ann", False),
        (b"/home/ann-b/x.cpp", "/home/ann", False),
        (b"/anywhere", "/", False),
        (b"/anywhere", "", False),
    ],
)
def test_paths_of_the_building_machine_are_found(
    tmp_path: Path, hidden: bytes, forbidden: str, *, found: bool
) -> None:
    library = shipped(tmp_path, more=b"\0" + hidden + b"\0")
    size = (ELF / Abi.ARM64_V8A / "tiny.so").stat().st_size
    told = check_policy(library, LINUX, EXPORTS, Known(forbidden_paths=(forbidden,)))
    assert bool(told) == found
    if found:
        assert f"at byte {size + 1}" in told[0]


def test_each_leak_is_told(tmp_path: Path) -> None:
    library = shipped(tmp_path, more=b"/b/x /a/y")
    told = check_policy(library, LINUX, EXPORTS, Known(forbidden_paths=("/b", "/a", "/c")))
    assert [sentence.split()[4] for sentence in told] == ["/a", "/b"]


def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="cannot read"):
        check_policy(tmp_path / "none.so", LINUX, EXPORTS)


def test_functions_of_the_c_library_are_left_to_the_system(tmp_path: Path) -> None:
    library = shipped(tmp_path)
    names = frozenset({"memcpy", "exp"})
    one, other = (
        check_policy(library, LINUX, EXPORTS, Known(replaced=replaced))
        for replaced in (frozenset[str](), names)
    )
    assert set(other) - set(one) == {
        "it defines exp, memcpy: the system's C library has them, and faster ones"
    }


def test_a_library_is_called_as_programs_will_look_for_it(tmp_path: Path) -> None:
    (told,) = check_policy(shipped(tmp_path, name="libother.so"), LINUX, EXPORTS)
    assert told.startswith(f"its SONAME is {NAME}, its file libother.so")


@pytest.mark.parametrize(
    ("provided", "missing"),
    [
        (None, ""),
        ({"memcpy", "strlen"}, ""),
        ({"strlen"}, "memcpy"),
        (set[str](), "memcpy, strlen"),
    ],
)
def test_what_the_oldest_device_lacks_is_found(
    tmp_path: Path,
    good: ElfFile,
    monkeypatch: pytest.MonkeyPatch,
    *,
    provided: set[str] | None,
    missing: str,
) -> None:
    """A library that was linked for another API level would not be loaded."""
    library = shipped(tmp_path)
    importing = replace(good, imports=frozenset({"memcpy", "strlen"}))
    monkeypatch.setattr(policy, "read_elf", lambda _: importing)
    known = Known(provided=None if provided is None else frozenset(provided))
    told = check_policy(library, ANDROID, EXPORTS, known)
    expected = f"it needs {missing}: not on the oldest device of android24-arm64-v8a"
    assert told == ((expected,) if missing else ())
