from collections.abc import Callable
from pathlib import Path

import pytest

from builder.toolchains.ndk import installation
from builder.toolchains.ndk.installation import Installation, open_ndk
from builder.vocabulary.targets import Abi
from tests.ndk import PREBUILT, TRIPLES, lay_out


def test_an_ndk_tells_what_it_has(tmp_path: Path) -> None:
    found = open_ndk(lay_out(tmp_path / "ndk", "26.1.10909125"))
    assert isinstance(found, Installation)
    assert str(found) == "NDK r26b (26.1.10909125, clang 19.0.0)"
    assert found.levels == (19, 32)
    assert {abi: (it.folder, it.compiler) for abi, it in found.triples.items()} == TRIPLES


def test_a_level_without_libraries_has_those_of_another(tmp_path: Path) -> None:
    found = open_ndk(lay_out(tmp_path / "ndk"))
    assert isinstance(found, Installation)
    assert [found.level(it) for it in (24, 25, 26)] == [24, 24, 26]
    assert found.libraries(Abi.X86, 25) == PREBUILT / "sysroot/usr/lib/i686-linux-android/24"


def _sdk(root: Path) -> None:
    for name in ("platform-tools", "ndk"):
        (root / name).mkdir(parents=True)


def _without(name: str) -> Callable[[Path], None]:
    return lambda root: (lay_out(root) / name).unlink()


def _with(name: str, text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (lay_out(root) / name).write_text(text)

    return make


def _for_windows(root: Path) -> None:
    (lay_out(root) / PREBUILT).rename(root / PREBUILT.parent / "windows-x86_64")


def _file(root: Path) -> None:
    root.touch()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "no such folder"),
        (_file, "no folder"),
        (Path.mkdir, "no NDK: it has no source.properties"),
        (_sdk, "an SDK (it has platform-tools, ndk), no NDK"),
        (
            _with("source.properties", "Pkg.Desc = Android SDK Platform-Tools\n"),
            "its source.properties is of 'Android SDK Platform-Tools', not of an NDK",
        ),
        (
            _with("source.properties", "Pkg.Desc = Android NDK\nPkg.Revision = 9z\n"),
            "its source.properties has no revision: '9z'",
        ),
        (
            lambda root: lay_out(root, "21.4.7075529"),
            "r21e (21.4.7075529) is too old: r23 or newer is needed",
        ),
        (
            _for_windows,
            f"r24 is not whole: it has no {PREBUILT} (programs are for windows-x86_64 only)",
        ),
        (_without(f"{PREBUILT}/bin/clang"), f"r24 is not whole: it has no {PREBUILT}/bin/clang"),
        (
            _without("build/cmake/android.toolchain.cmake"),
            "r24 is not whole: it has no build/cmake/android.toolchain.cmake",
        ),
        (_without("meta/abis.json"), "r24 is not whole: it has no meta/abis.json"),
        (
            _with("meta/platforms.json", "[]"),
            (
                "r24 is not whole: it has no readable files in meta/"
                " (TypeError: platforms.json is no JSON object)"
            ),
        ),
        (
            _with("meta/platforms.json", "{}"),
            "r24 is not whole: it has no readable files in meta/ (KeyError: 'min')",
        ),
    ],
)
def test_what_cannot_be_used_says_why(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    root = tmp_path / "ndk"
    make(root)
    assert open_ndk(root) == reason


@pytest.mark.parametrize(
    ("system", "processor", "usable"),
    [("linux", "x86_64", True), ("linux", "aarch64", False), ("darwin", "aarch64", True)],
)
def test_its_programs_must_run_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    processor: str,
    usable: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(installation, "operating_system", lambda: system)
    monkeypatch.setattr(installation, "processor", lambda: processor)
    root = lay_out(tmp_path / "ndk")
    prebuilt = root / PREBUILT
    prebuilt.rename(prebuilt.with_name(f"{system}-x86_64"))
    told = open_ndk(root)
    assert isinstance(told, str) != usable
    if isinstance(told, str):
        assert told == "r24 has no programs for aarch64, which this machine is"


@pytest.mark.parametrize("text", ["{", "nul", '{"min": "x", "max": 1, "aliases": {}}', "[" * 9999])
def test_damaged_facts_are_no_crash(tmp_path: Path, text: str) -> None:
    root = lay_out(tmp_path / "ndk")
    (root / "meta/platforms.json").write_text(text)
    found = open_ndk(root)
    assert isinstance(found, str)
    assert found.startswith("r24 is not whole")
