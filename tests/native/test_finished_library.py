"""Policy, size report and package on libraries that the real toolchain links in the test."""

import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from builder.artifact.staging import Contents, Part, Presence
from builder.artifact.tar.archive import write_archive
from builder.artifact.tar.packing import stage
from builder.foundation.elf import read_elf
from builder.proof.policy import Known, check_policy
from builder.report.document import from_json, to_json
from builder.report.measure import measure
from builder.report.page import Compared, to_html
from builder.report.render import to_text
from builder.toolchains.zig import target_flags
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.archives import extract
from tests.e2e.real import shared_cache

ZIG = (sys.executable, "-m", "ziglang")
EXPORTS = frozenset({"br_lookup", "br_twice"})
FLAGS = (
    "-fPIC", "-Os", "-g0", "-ffunction-sections", "-fdata-sections",
    "-fvisibility=hidden", "-fno-sanitize=undefined",
)  # fmt: skip
SOURCE = """\
#include <map>
#include <stdexcept>
#include <string>
static std::map<std::string, int>& table() { static std::map<std::string, int> it; return it; }
struct Start { Start() { table()["alpha"] = 1; table()["beta"] = 2; } } start;
static int zeros[4096];
#define API extern "C" __attribute__((visibility("default")))
API int br_twice(int value) { return 2 * value; }
API int br_lookup(const char* name) {
  try {
    return table().at(name) + zeros[name[0] & 255];
  } catch (const std::out_of_range&) {
    return -1;
  }
}
"""
HEADER = """\
#ifdef __cplusplus
extern "C" {
#endif
int br_lookup(const char* name);
int br_twice(int value);
#ifdef __cplusplus
}
#endif
"""
PROGRAM = """\
#include <build_runtime.h>
#include <stdio.h>
int main(void) {
  return printf("%d %d %d\\n", br_lookup("beta"), br_lookup("x"), br_twice(21)) < 0;
}
"""


@dataclass(frozen=True)
class Linked:
    library: Path
    link_map: Path
    report: SizeReport


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def link(folder: Path, abi: Abi) -> Linked:
    """Link a C++ library as builds do: the driver's own link line, replayed through its lld."""
    folder.mkdir(exist_ok=True)
    (folder / "library.cpp").write_text(SOURCE)
    (folder / "exports.map").write_text(
        "BUILD_RUNTIME_1 { global: " + "; ".join(sorted(EXPORTS)) + "; local: *; };"
    )
    zig = (*ZIG, "c++", *target_flags(make_target(Platform.LINUX, abi)), *FLAGS)
    run(*zig, "-c", "library.cpp", "-o", str(folder / "library.o"), cwd=folder)
    told = run(
        *("env", "ZIG_VERBOSE_LINK=1", *zig, "-shared", str(folder / "library.o")),
        *("-o", "first.so", "-Wl,--gc-sections", "-Wl,--version-script=exports.map"),
        "-Wl,-soname,libbuild_runtime.so",
        cwd=folder,
    )
    # zig links the C library's stand-ins with lld as well, when its cache lacks them
    (line,) = (line for line in told.splitlines() if " -o first.so " in line)
    words = [word if word != "first.so" else "libbuild_runtime.so" for word in line.split()[1:]]
    run(
        *(*ZIG, "ld.lld", *words, "-Map=library.map", "--icf=all", "--strip-all"),
        *("--build-id=sha1", "-z", "now", "-z", "relro", "-z", "max-page-size=16384"),
        cwd=folder,
    )
    library, link_map = folder / "libbuild_runtime.so", folder / "library.map"
    roots = ((str(folder), "native/src"),)
    report = measure(library, link_map, make_target(Platform.LINUX, abi), roots)
    return Linked(library, link_map, report)


@pytest.fixture(scope="module", autouse=True)
def _shared_libraries(pytestconfig: pytest.Config) -> Iterator[None]:
    """Let zig keep the libraries it builds, a minute for each target, where builds do."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
            patch.setenv(name, str(shared_cache(pytestconfig) / "zig"))
        yield


@pytest.fixture(scope="module")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return link(tmp_path_factory.mktemp("arm64"), Abi.ARM64_V8A)


@pytest.fixture(scope="module")
def x86_64(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return link(tmp_path_factory.mktemp("x86_64"), Abi.X86_64)


def test_a_real_library_keeps_the_policy(arm64: Linked) -> None:
    known = Known((str(Path.home()), str(arm64.library.parent), sys.prefix))
    target = make_target(Platform.LINUX, Abi.ARM64_V8A)
    assert not check_policy(arm64.library, target, EXPORTS, known)
    wrong = make_target(Platform.ANDROID, Abi.X86_64)
    told = check_policy(arm64.library, wrong, EXPORTS, known)
    assert len(told) == 2  # another machine, and glibc's library names


def test_the_driver_alone_breaks_it(x86_64: Linked) -> None:
    """What zig's driver links on its own: small pages and no build id."""
    first = x86_64.library.with_name("first.so")
    target = make_target(Platform.LINUX, Abi.X86_64)
    told = check_policy(first, target, EXPORTS)
    assert any("16 KB" in sentence for sentence in told)
    assert any("build id" in sentence for sentence in told)


def test_every_byte_of_a_real_library_is_accounted_for(arm64: Linked) -> None:
    report = arm64.report
    size = arm64.library.stat().st_size
    assert report.stripped == size
    for rows in (report.sections, report.components, report.objects):
        assert sum(row.size for row in rows) == size
    components = {row.name: row.size for row in report.components}
    assert {
        "libc++",
        "libc++abi",
        "libunwind",
        "our C API",
    } <= components.keys()
    assert components.get("everything else", 0) < size // 100
    assert components["libc++abi"] > components["our C API"] > 1000
    assert 0 < report.download < size


def test_sections_of_the_report_are_those_of_the_file(arm64: Linked) -> None:
    stored = {it.name: it.stored for it in read_elf(arm64.library).sections if it.stored}
    rows = {row.name: row.size for row in arm64.report.sections}
    assert {name: rows[name] for name in stored} == stored


def test_reports_are_shown_and_read_back_without_machine_paths(arm64: Linked) -> None:
    text = to_json(arm64.report)
    assert from_json(text) == arm64.report
    for path in (str(arm64.library.parent), str(Path.home()), "zig/o/"):
        assert path not in text
        assert path not in to_text(arm64.report)


@pytest.fixture(scope="module")
def installed(x86_64: Linked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package for this machine, unpacked in a folder whose name has a space."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "build_runtime.h").write_text(HEADER)
    (folder / "model.ptl").write_bytes(b"model")
    contents = Contents(
        target=x86_64.report.target,
        version="1.4.0",
        library=x86_64.library,
        header=folder / "build_runtime.h",
        program=folder / "build_runtime.h",
        benchmark=folder / "build_runtime.h",
        models=(("net", folder / "model.ptl"),),
        parts=(Part("tiny", "1", "", "MIT", Presence.LINKED, 1, ()),),
        selected_operators="",
        size=x86_64.report,
        size_json=to_json(x86_64.report),
        size_text=to_text(x86_64.report),
        size_html=to_html([Compared(x86_64.report)]),
    )
    write_archive(stage(contents), folder / "package.tar.gz")
    prefix = folder / "some where"
    with tarfile.open(folder / "package.tar.gz") as archive:
        extract(archive, prefix)
    return prefix


@pytest.mark.parametrize(("language", "suffix"), [("C", "c"), ("CXX", "cpp")])
def test_programs_find_the_package_with_cmake(
    installed: Path,
    tmp_path: Path,
    require: Callable[[str], Path],
    language: str,
    suffix: str,
) -> None:
    cmake = str(require("cmake"))
    (tmp_path / f"main.{suffix}").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\n"
        f"project(consumer LANGUAGES {language})\n"
        "find_package(build_runtime 1.2 REQUIRED CONFIG)\n"
        "find_package(build_runtime REQUIRED CONFIG)\n"
        f"add_executable(consumer main.{suffix})\n"
        "target_link_libraries(consumer PRIVATE build_runtime::build_runtime)\n"
        'message(STATUS "models: ${build_runtime_MODELS}")\n'
    )
    told = run(*(cmake, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={installed}"), cwd=tmp_path)
    assert f"models: {installed}/share/build_runtime/models" in told
    run(cmake, "--build", "build", cwd=tmp_path)
    assert run(str(tmp_path / "build" / "consumer"), cwd=tmp_path) == "2 -1 42\n"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", True), ("1", True), ("1.4.0 EXACT", True), ("1.5", False), ("2", False), ("0.9", False)],
)
def test_cmake_is_told_which_versions_fit(
    installed: Path, tmp_path: Path, require: Callable[[str], Path], wanted: str, *, found: bool
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\n"
        "project(consumer LANGUAGES NONE)\n"
        f"find_package(build_runtime {wanted} QUIET CONFIG)\n"
        'message(STATUS "found: ${build_runtime_FOUND}")\n'
    )
    told = run(
        *(str(require("cmake")), "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={installed}"),
        cwd=tmp_path,
    )
    assert f"found: {int(found)}" in told


def test_cmake_passes_over_a_package_of_another_pointer_size(
    installed: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\n"
        "project(consumer LANGUAGES NONE)\n"
        "set(CMAKE_SIZEOF_VOID_P 4)\n"
        "find_package(build_runtime QUIET CONFIG)\n"
        'message(STATUS "found: ${build_runtime_FOUND}")\n'
    )
    told = run(
        *(str(require("cmake")), "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={installed}"),
        cwd=tmp_path,
    )
    assert "found: 0" in told


def test_programs_find_the_package_with_pkg_config(
    installed: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    (tmp_path / "main.c").write_text(PROGRAM)
    asked = f"$({require('pkg-config')} --cflags --libs build_runtime)"
    # its answer is quoted for a shell, which has to read it once more
    script = f'eval "{require("gcc")} main.c -o consumer {asked}"'
    search = f"PKG_CONFIG_PATH={installed / 'lib' / 'pkgconfig'}"
    run("env", search, "sh", "-c", script, cwd=tmp_path)
    told = run("env", f"LD_LIBRARY_PATH={installed / 'lib'}", "./consumer", cwd=tmp_path)
    assert told == "2 -1 42\n"


def test_the_package_holds_what_was_staged(installed: Path, x86_64: Linked) -> None:
    library = installed / PurePosixPath("lib/libbuild_runtime.so")
    assert library.read_bytes() == x86_64.library.read_bytes()
    assert library.stat().st_mode & 0o777 == 0o755
