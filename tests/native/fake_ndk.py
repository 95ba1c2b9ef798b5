"""An Android NDK whose compilers are zig, for x86_64: it drives real builds.

It has what an NDK has: its properties, a toolchain file with the interface of the real one, drivers
that take `--target=…android24` and tell their link line, and stub libraries for each API level. The
stubs are called as bionic's are, and define what glibc does, as the objects refer to that. So the
library that comes out keeps all the rules for Android. No device could run it.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from builder.foundation.process import Host
from builder.libtorch.closure.libraries import shared_symbols
from builder.toolchains.clang import configuration
from builder.toolchains.zig import ZIG, find_zig, target_flags
from builder.vocabulary.plan import Toolchain
from builder.vocabulary.targets import Abi, Platform, make_target, platform_facts
from tests.native.vision.machine import FAKES
from tests.ndk import PREBUILT, TRIPLES, lay_out

ABI: Final = Abi.X86_64
LEVELS: Final = (24, 30)
"""The API levels it has libraries for."""

_LINUX: Final = make_target(Platform.LINUX, ABI)
_ARCHIVES: Final[Mapping[str, str]] = {
    "libc++.a": "libc++_static.a",
    "libc++abi.a": "libc++abi.a",
    "libunwind.a": "libunwind.a",
    "libcompiler_rt.a": "libclang_rt.builtins.a",
}
"""What zig's libraries are called in an NDK."""

_TOOLCHAIN_FILE: Final = """\
# The interface of the NDK's toolchain file: what it must be told, and what it sets.
if(ANDROID_NDK_TOOLCHAIN_INCLUDED)
  return()
endif()
set(ANDROID_NDK_TOOLCHAIN_INCLUDED true)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_ABI ANDROID_PLATFORM ANDROID_STL)
if(NOT ANDROID_ABI STREQUAL "x86_64" OR NOT ANDROID_STL STREQUAL "c++_static")
  message(FATAL_ERROR "ANDROID_ABI is '${ANDROID_ABI}', ANDROID_STL is '${ANDROID_STL}'")
endif()
if(NOT ANDROID_PLATFORM MATCHES "^android-[0-9]+$")
  message(FATAL_ERROR "ANDROID_PLATFORM is '${ANDROID_PLATFORM}'")
endif()
set(CMAKE_SYSTEM_NAME Android)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(bin "${CMAKE_CURRENT_LIST_DIR}/../../@PREBUILT@/bin")
set(CMAKE_C_COMPILER "${bin}/clang")
set(CMAKE_CXX_COMPILER "${bin}/clang++")
set(CMAKE_AR "${bin}/llvm-ar" CACHE FILEPATH "Archiver")
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET "x86_64-none-linux-${ANDROID_PLATFORM}")
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_ID Clang)
  set(CMAKE_${language}_COMPILER_FRONTEND_VARIANT GNU)
  set(CMAKE_${language}_COMPILER_VERSION 19.0.0)
  set(CMAKE_${language}_STANDARD_COMPUTED_DEFAULT 17)
  set(CMAKE_${language}_EXTENSIONS_COMPUTED_DEFAULT ON)
  set(CMAKE_${language}_COMPILER_WORKS TRUE)
  set(CMAKE_${language}_ABI_COMPILED TRUE)
endforeach()
set(CMAKE_C_FLAGS "-DANDROID -fstack-protector-strong")
set(CMAKE_CXX_FLAGS "-DANDROID -fstack-protector-strong")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
"""

_DRIVER: Final = """\
#!@PYTHON@
import os, sys

target = next(it for it in sys.argv if it.startswith("--target=x86_64-none-linux-android"))
words = [it for it in sys.argv[1:] if not it.startswith(("--target=", "--sysroot="))]
folder = "@FOLDER@"
words = ["-isystem", folder + "/include", *words]
if "-c" in words:
    os.execv("@PROGRAM@", ["zig", "clang", "--config=@CONFIGURATION@", *words])
words = ["-L" + folder + "/optional", *words]
level = folder + "/" + target.rpartition("android")[2].lstrip("-")
if "-###" in words:
    line = ["ld.lld", "-m", "elf_x86_64", "-shared", level + "/crtbegin_so.o", "-L" + level,
            "-L" + folder, *(it for it in words if it.startswith("-l")), "-Bstatic", "-lc++",
            "-Bdynamic", "-lm", folder + "/libclang_rt.builtins.a", "-l:libunwind.a", "-ldl", "-lc"]
    print(" " + " ".join(f'"{it}"' for it in line), file=sys.stderr)
    sys.exit()
os.environ.update(@ZIG@)
os.execv("@PROGRAM@", ["zig", "@MODE@", *@FLAGS@, *words])
"""


def make_fake_ndk(root: Path, host: Host) -> Path:
    """Write the fake NDK, which has x86_64 alone, of the zig in the host's cache."""
    lay_out(root, abis=[ABI], levels=LEVELS)
    toolchain = ZIG.prepare(_LINUX, host)
    with ZIG.link_line(toolchain, host) as finish:
        line = finish()
    folder = root / PREBUILT / "sysroot/usr/lib" / TRIPLES[ABI][0]
    for archive in line.libraries:
        if archive.name in _ARCHIVES:
            (folder / _ARCHIVES[archive.name]).write_bytes(archive.read_bytes())
    _write_programs(root, folder, toolchain, host)
    _write_stubs(folder, shared_symbols(line.shared), toolchain.cc)
    _write_graphics(folder, toolchain.cc)
    text = _TOOLCHAIN_FILE.replace("@PREBUILT@", str(PREBUILT))
    (root / "build/cmake/android.toolchain.cmake").write_text(text)
    return root


def _write_programs(root: Path, folder: Path, toolchain: Toolchain, host: Host) -> None:
    zig = {"ZIG_GLOBAL_CACHE_DIR": f"{host.cache}/zig", "ZIG_LOCAL_CACHE_DIR": f"{host.cache}/zig"}
    program = str(find_zig().path)
    for name, mode, tool in (
        ("clang", "cc", toolchain.cc),
        ("clang++", "c++", toolchain.cxx),
    ):
        text = _DRIVER
        for what, value in {
            "PYTHON": sys.executable, "FOLDER": folder, "ZIG": zig, "PROGRAM": program,
            "MODE": mode, "FLAGS": list(target_flags(_LINUX)), "CONFIGURATION": configuration(tool),
        }.items():  # fmt: skip
            text = text.replace(f"@{what}@", str(value))
        (root / PREBUILT / "bin" / name).write_text(text)
    for name, mode in {"ld.lld": "ld.lld", "llvm-ar": "ar"}.items():
        (root / PREBUILT / "bin" / name).write_text(f'#!/bin/sh\nexec {program} {mode} "$@"\n')


def _write_stubs(folder: Path, symbols: Iterable[str], cc: Path) -> None:
    """Write the libraries of each API level: the first defines all, and each has its own SONAME."""
    everything = "".join(f".globl {it}\n.type {it},@function\n{it}:\n" for it in sorted(symbols))
    first, *others = platform_facts(Platform.ANDROID).needed
    for level in LEVELS:
        _assemble(cc, folder / str(level) / first, f".text\n{everything}")
        for name in others:
            _assemble(cc, folder / str(level) / name, ".text\n")
        subprocess.run(
            [cc, "-c", "-x", "c", "/dev/null", "-o", folder / str(level) / "crtbegin_so.o"],
            check=True,
        )
        (folder / str(level) / "libc++.a").write_text("INPUT(-lc++_static -lc++abi)")


def _write_graphics(folder: Path, cc: Path) -> None:
    """Write the header of bitmaps, and a library with its functions."""
    header = FAKES / "jnigraphics" / "android" / "bitmap.h"
    (folder / "include" / "android").mkdir(parents=True)
    (folder / "include" / "android" / header.name).write_bytes(header.read_bytes())
    names = re.findall(r"^int (\w+)\(", header.read_text(), re.MULTILINE)
    text = "".join(f".globl {it}\n.type {it},@function\n{it}:\n" for it in names)
    (folder / "optional").mkdir()
    _assemble(cc, folder / "optional" / "libjnigraphics.so", f".text\n{text}")


def _assemble(cc: Path, library: Path, text: str) -> None:
    source = library.with_suffix(".s")
    source.write_text(text)
    soname = f"-Wl,-soname,{library.name}"
    subprocess.run([cc, "-shared", "-nostdlib", soname, source, "-o", library], check=True)


_ADB: Final = """\
#!@PYTHON@
import pathlib, shutil, subprocess, sys

room = pathlib.Path("@ROOM@")
words = sys.argv[1:] if sys.argv[1] != "-s" else sys.argv[3:]
with open(room / "asked", "a") as asked:
    print(*words, file=asked)


def place(path):
    return path.replace("/data/local/tmp", str(room / "device"))


match words:
    case ["devices"]:
        print("List of devices attached\\nFAKE01\\tdevice\\n")
    case ["push", here, there]:
        shutil.copy(here, place(there))
    case ["pull", there, here]:
        shutil.copy(place(there), here)
    case ["shell", "getprop ro.product.cpu.abilist"]:
        print("x86_64,x86")
    case ["shell", "getprop ro.build.version.sdk"]:
        print()  # this machine is not Android
    case ["shell", line]:
        sys.exit(subprocess.run(["/bin/sh", "-c", place(line)]).returncode)
    case _:
        sys.exit("adb: unknown command")
"""


def make_fake_adb(folder: Path) -> Path:
    """Write an `adb` whose device is a folder of this machine; return the folder on its device."""
    room = folder / "device"
    room.mkdir()
    program = folder / "adb"
    program.write_text(_ADB.replace("@PYTHON@", sys.executable).replace("@ROOM@", str(folder)))
    program.chmod(0o755)
    return room
