"""An Android NDK as far as it is read: its files, without programs that run."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from builder.foundation.machine import operating_system
from builder.vocabulary.targets import Abi

PREBUILT: Final = Path("toolchains/llvm/prebuilt", f"{operating_system()}-x86_64")

TRIPLES: Final[Mapping[Abi, tuple[str, str]]] = {
    Abi.ARM64_V8A: ("aarch64-linux-android", "aarch64-none-linux-android"),
    Abi.ARMEABI_V7A: ("arm-linux-androideabi", "armv7-none-linux-androideabi"),
    Abi.X86_64: ("x86_64-linux-android", "x86_64-none-linux-android"),
    Abi.X86: ("i686-linux-android", "i686-none-linux-android"),
}
"""How NDKs name each ABI: the folder of its libraries, and the target of the compiler."""

LEVELS: Final = (21, 23, 24, 28, 30)
"""The API levels that have libraries."""


def lay_out(
    root: Path,
    revision: str = "24.0.8215888",
    *,
    abis: Iterable[Abi] = tuple(Abi),
    levels: Iterable[int] = LEVELS,
) -> Path:
    """Write an NDK of a revision, and return its folder. All its programs are empty."""
    known = {abi: TRIPLES[abi] for abi in abis}
    for name, text in {
        "source.properties": f"Pkg.Desc = Android NDK\nPkg.Revision = {revision}\n",
        "build/cmake/android.toolchain.cmake": "",
        "meta/platforms.json": json.dumps({"min": 19, "max": 32, "aliases": {"25": 24, "N": 24}}),
        "meta/abis.json": json.dumps(
            {abi: {"triple": one, "llvm_triple": other} for abi, (one, other) in known.items()}
        ),
        f"{PREBUILT}/AndroidVersion.txt": "19.0.0\nbased on r530567\n",
        f"{PREBUILT}/sysroot/usr/include/jni.h": "",
        **{
            f"{PREBUILT}/bin/{name}": ""
            for name in ("clang", "clang++", "ld.lld", "llvm-ar", "llvm-ranlib", "llvm-strip")
        },
        **{
            f"{PREBUILT}/sysroot/usr/lib/{folder}/{library}": abi
            for abi, (folder, _) in known.items()
            for library in (
                "libc++_static.a",
                "libc++abi.a",
                *(f"{level}/libc.so" for level in levels),
            )
        },
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return root
