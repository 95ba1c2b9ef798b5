"""The whole pipeline for Android, with a fake NDK that is found, driven and checked."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.foundation.elf import ElfFile, read_elf
from builder.proof.registered import read_registered
from builder.vocabulary.checks import OUTPUTS, POLICY, REGISTRY, RUN
from tests.documents import validate
from tests.e2e.real import COUNT_PROCESSES, Finished, host_of
from tests.native.fake_ndk import make_fake_adb, make_fake_ndk
from tests.native.mini_torch.conftest import NewWorkshop
from tests.native.mini_torch.workshop import Workshop
from tests.ndk import PREBUILT


@pytest.fixture(scope="module")
def used(new_workshop: NewWorkshop) -> Workshop:
    """Return a workshop for Android alone: twins fill the stores of Linux."""
    return new_workshop()


@pytest.fixture(scope="module")
def ndk(used: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_fake_ndk(tmp_path_factory.mktemp("android") / "ndk", host_of(used.tool))


def words(workshop: Workshop, ndk: Path, output: Path, *more: object) -> tuple[object, ...]:
    asked = workshop.words(*workshop.first)
    given = ("--platform", "android", "--ndk", ndk, "--java", "off", "-o", output)
    return (*asked, *given, "--json", *more)


@pytest.fixture(scope="module")
def made(
    used: Workshop, ndk: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Finished]:
    output = tmp_path_factory.mktemp("android-dist")
    return output, used.tool.run(*words(used, ndk, output), cwd=used.folder)


def library_of(output: Path) -> tuple[ElfFile, dict[str, Any]]:
    """Return the library that goes into apps, and what the manifest tells of it."""
    (library,) = output.glob("android*/jni/x86_64/libbuild_runtime.so")
    (manifest,) = output.glob("android*/assets/build_runtime/manifest.json")
    (target,) = json.loads(manifest.read_text())["targets"]
    return read_elf(library), target


def test_the_ndk_and_the_rule_that_found_it_are_told(
    made: tuple[Path, Finished], ndk: Path
) -> None:
    _, finished = made
    told = f"toolchain: NDK r24 (24.0.8215888, clang 19.0.0) at {ndk} (--ndk {ndk})"
    assert told in finished.stderr.splitlines()
    validate("build", finished.document)
    (target,) = finished.document["targets"]
    assert target["target"] == "android24-x86_64"
    outcomes = {it["name"]: it["outcome"] for it in target["checks"]}
    expected = {POLICY: "passed", REGISTRY: "passed", RUN: "skipped"}
    assert outcomes == expected, "nothing claims that it ran"
    (registry,) = (it for it in target["checks"] if it["name"] == REGISTRY)
    assert registry["runner"] == "as its file names them"


def test_the_library_keeps_the_rules_of_android(made: tuple[Path, Finished]) -> None:
    elf, manifest = library_of(made[0])
    assert elf.soname == "libbuild_runtime.so"
    assert set(elf.needed) <= {"libc.so", "libm.so", "libdl.so", "liblog.so"}
    assert {it.align for it in elf.segments if it.kind == "PT_LOAD"} == {0x4000}
    assert manifest["target"] == {"platform": "android", "abi": "x86_64", "api_level": 24}
    ndk = {"name": "ndk", "version": "24.0.8215888", "clang": "19.0.0"}
    assert manifest["toolchain"] == ndk
    assert "-DHAVE_SHM_OPEN=1" not in manifest["flags"]["all"]
    assert "--pack-dyn-relocs=android" in manifest["result"]["link"]
    assert "libc++_static.a" in manifest["result"]["link"]


def test_a_build_with_nothing_changed_starts_no_process(
    used: Workshop, ndk: Path, made: tuple[Path, Finished], tmp_path: Path
) -> None:
    told = tmp_path / "started"
    counting = [
        sys.executable,
        "-c",
        COUNT_PROCESSES,
        str(told),
        *map(str, words(used, ndk, made[0])),
    ]
    subprocess.run(counting, check=True, cwd=used.folder, env=used.tool.env(), capture_output=True)
    assert not told.read_text()


def test_another_level_is_another_store_and_another_folder(
    used: Workshop, ndk: Path, made: tuple[Path, Finished], tmp_path: Path
) -> None:
    """What the libraries of one level lack must not come from objects of another."""
    output = tmp_path / "dist"
    asked = words(used, ndk, output, "--android-api", "30")
    (target,) = used.tool.run(*asked, cwd=used.folder).document["targets"]
    assert target["target"] == "android30-x86_64"
    assert "android30" in Path(target["archive"]).name
    assert target["objects"]["compiled"] == target["objects"]["linked"]
    _, manifest = library_of(output)
    assert manifest["target"]["api_level"] == 30
    assert "--pack-dyn-relocs=relr" in manifest["result"]["link"]
    del made


def test_a_twin_is_run_where_nothing_runs_the_target(
    used: Workshop, ndk: Path, made: tuple[Path, Finished], tmp_path: Path
) -> None:
    """What was run is told for what it is: the library of the target was not."""
    asked = words(used, ndk, tmp_path / "dist", "--prove-twin")
    finished = used.tool.run(*asked, cwd=used.folder)
    (target,) = finished.document["targets"]
    checks = {(it["name"], it["runner"]): it["outcome"] for it in target["checks"]}
    twin = "in a twin for linux-x86_64, natively"
    assert checks[POLICY, ""] == "passed"
    assert checks[RUN, ""] == "skipped"
    assert checks[REGISTRY, twin] == "passed"
    assert {runner for _, runner in checks} == {"", "as its file names them", twin}
    assert "in a twin for linux-x86_64" in finished.stderr
    again, first = (
        next(it.glob("android*/jni/x86_64/*.so")).read_bytes()
        for it in (tmp_path / "dist", made[0])
    )
    assert again == first, "the twin changes nothing of the library"


def test_an_ndk_that_moved_compiles_nothing_anew(
    used: Workshop, ndk: Path, made: tuple[Path, Finished], tmp_path: Path
) -> None:
    before = used.compiled()
    moved = tmp_path / "moved"
    shutil.copytree(ndk, moved)
    asked = words(used, moved, tmp_path / "dist", "--messages", "short")
    used.tool.run(*asked, cwd=used.folder)
    assert used.compiled() == before
    again, first = (next(it.rglob("libbuild_runtime.so")) for it in (tmp_path / "dist", made[0]))
    assert again.read_bytes() == first.read_bytes()


def test_a_compiler_that_fails_is_told_with_its_log(
    used: Workshop, ndk: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(ndk, broken)
    for name in ("clang", "clang++"):
        (broken / PREBUILT / "bin" / name).write_text("#!/bin/sh\necho no licence >&2\nexit 9\n")
    (broken / PREBUILT / "AndroidVersion.txt").write_text(
        "19.0.1\n"
    )  # another NDK: nothing is there
    asked = words(used, broken, tmp_path / "dist")
    finished = used.tool.run(*asked, cwd=used.folder, expect=5)
    assert "no licence" in finished.stderr
    assert not (tmp_path / "dist").exists()


def test_models_run_on_a_device(used: Workshop, tmp_path: Path) -> None:
    """The device is this machine, so a runtime for Linux does."""
    tools = tmp_path / "tools"
    tools.mkdir()
    device = make_fake_adb(tools)
    env = {"PATH": f"{tools}:{used.tool.env()['PATH']}"}
    asked = (*used.words(*used.first), "--platform", "linux", "--runner", "adb:FAKE01", "--json")
    finished = used.tool.run(*asked, "-o", tmp_path / "dist", cwd=used.folder, env=env)
    (target,) = finished.document["targets"]
    checks = {it["name"]: it for it in target["checks"]}
    assert checks[REGISTRY]["outcome"] == "passed"
    assert checks[REGISTRY]["runner"] == checks[OUTPUTS]["runner"] == "by adb on FAKE01"
    assert not any(device.iterdir()), "nothing is left behind"
    told = (tools / "asked").read_text().count("push")
    used.tool.run(*asked, "-o", tmp_path / "dist", cwd=used.folder, env=env)
    again = (tools / "asked").read_text().count("push")
    assert again == told > 0, "what was proven on a device is not run there again"


@pytest.mark.parametrize(
    ("runner", "told"),
    [
        ("echo garbage", "the runtime does not list its operators"),
        ("false", "the runtime does not start: status 1"),
        ("sh -c 'kill -11 $$'", "the runtime does not start: ended by SIGSEGV"),
    ],
)
def test_a_runner_that_runs_nothing_proves_nothing(
    used: Workshop, tmp_path: Path, runner: str, told: str
) -> None:
    asked = (*used.words(*used.first), "--platform", "linux", "--runner", runner)
    finished = used.tool.run(*asked, "-o", tmp_path / "dist", cwd=used.folder, expect=6)
    assert told in finished.stderr
    assert "repeat it by hand: LD_LIBRARY_PATH=" in finished.stderr
    assert not (tmp_path / "dist").exists(), "nothing half-written"


def test_a_registrar_that_registers_more_is_seen(used: Workshop, ndk: Path, tmp_path: Path) -> None:
    """By the library that runs, and by the one that is read alike."""
    assert used.source is not None
    source = tmp_path / "source"
    shutil.copytree(used.source, source)
    (header,) = source.rglob("torch/csrc/jit/runtime/selective.h")
    text = header.read_text()
    lax = text.replace("const char* schema) {", "const char* schema) {\n  return true;")
    assert lax != text
    header.write_text(lax)
    workshop = replace(used, source=source)
    linux = (*workshop.words(*workshop.first), "--platform", "linux", "-o", tmp_path / "dist")
    for asked in (linux, words(workshop, ndk, tmp_path / "dist")):
        finished = workshop.tool.run(*asked, cwd=workshop.folder, expect=6)
        assert "registered but not selected: aten::resolve" in finished.stderr


def test_the_file_names_what_the_running_library_registers(used: Workshop) -> None:
    made = used.build(*used.first)
    told = json.loads(made.run("--operators").stdout)
    assert read_registered(made.library) == frozenset(told)
