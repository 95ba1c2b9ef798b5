"""`doctor`, `targets` and `cache`: what this machine has, can build, and keeps."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from builder import RELEASE
from builder.commands.exchange import Answer
from builder.foundation.process import Host
from builder.proof.execution import find_executor
from builder.source.pins import pins
from builder.toolchains.zig import find_program, find_zig, program_version
from builder.vocabulary.errors import BuildRuntimeError
from builder.vocabulary.targets import Abi, Platform, facts, make_target

_KEPT: Final = {
    "sources": "unpacked source trees",
    "downloads": "verified archives",
    "generated": "generated operator code",
    "objects": "compiled objects, shared by all models",
    "builds": "linked runtimes",
    "models": "converted models",
    "results": "answers to repeated commands",
    "traces": "what models executed in desktop torch",
    "toolchains": "compiler wrappers",
    "zig": "zig's runtime libraries",
    "logs": "logs",
    "catalogues": "operators of unknown sources",
    "indexes": "what builds learned of the sources",
}

Row = dict[str, str]


def targets(host: Host) -> list[Row]:
    """Return every target, whether it can be built here, and how its programs would run."""
    rows: list[Row] = []
    for platform in Platform:
        for abi in Abi:
            target = make_target(platform, abi)
            executor = find_executor(target, host)
            runs = executor if isinstance(executor, str) else executor.how
            known = facts(abi)
            triple = known.linux_triple if platform is Platform.LINUX else known.android_triple
            builds = "yes" if platform is Platform.LINUX else "not yet: needs the NDK"
            rows.append({"target": str(target), "triple": triple, "builds": builds, "runs": runs})
    return rows


def doctor(host: Host) -> list[Row]:
    """Return what builds need and whether it is here: `ok`, `missing`, or `optional`."""
    rows = [_python()]
    for name in ("cmake", "ninja"):
        try:
            path = find_program(name, host)
            rows.append(
                {"what": name, "state": "ok", "detail": f"{program_version(path, host)} at {path}"}
            )
        except BuildRuntimeError as error:
            rows.append(
                {"what": name, "state": "missing", "detail": f"{error.message}; {error.hint}"}
            )
    try:
        zig = find_zig()
        rows.append({"what": "zig", "state": "ok", "detail": f"{zig.version} at {zig.path}"})
    except BuildRuntimeError as error:
        rows.append({"what": "zig", "state": "missing", "detail": f"{error.message}; {error.hint}"})
    rows.append(_torch())
    for abi in Abi:
        executor = find_executor(make_target(Platform.LINUX, abi), host)
        if isinstance(executor, str):
            rows.append({"what": f"running {abi}", "state": "optional", "detail": executor})
        else:
            rows.append({"what": f"running {abi}", "state": "ok", "detail": executor.how})
    rows.append(_source(host))
    rows.append(_cache_room(host))
    return rows


def _python() -> Row:
    return {
        "what": "python",
        "state": "ok",
        "detail": f"{sys.version.split()[0]} at {sys.executable}",
    }


def _torch() -> Row:
    try:
        return {
            "what": "torch",
            "state": "ok",
            "detail": f"{version('torch')} (conversion and comparison)",
        }
    except PackageNotFoundError:
        detail = "needed for .pt files and to compare outputs: pip install torch"
        return {"what": "torch", "state": "missing", "detail": detail}


def _source(host: Host) -> Row:
    found = sorted((host.cache / "sources").glob(f"{RELEASE}-*/stamp.json"))
    if found:
        return {"what": "source", "state": "ok", "detail": f"{RELEASE} in the cache"}
    release = pins(RELEASE)
    detail = (
        f"{RELEASE} is fetched at the first build"
        f" ({len(release.components)} components), or pass --source DIR"
    )
    return {"what": "source", "state": "optional", "detail": detail}


def _cache_room(host: Host) -> Row:
    existing = next(path for path in (host.cache, *host.cache.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    needed = 2.0
    state = "ok" if free >= needed else "optional"
    return {
        "what": "disk",
        "state": state,
        "detail": f"{free:.1f} GB free at {existing} (a build needs {needed:.0f})",
    }


def cache(host: Host) -> list[Row]:
    """Return what the cache holds, by kind."""
    rows: list[Row] = []
    for name, what in _KEPT.items():
        folder = host.cache / name
        if folder.is_dir():
            size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
            rows.append({"entry": name, "what": what, "megabytes": f"{size / 1e6:.1f}"})
    return rows


def clear_cache(host: Host) -> list[Row]:
    """Remove what builds keep and nothing else; return what was there."""
    rows = cache(host)
    for name in _KEPT:
        _remove(host.cache / name)
    return rows


def describe_cache(rows: list[Row], host: Host) -> Answer:
    """Return what the cache holds, or held before it was cleared."""
    return Answer({"cache": str(host.cache), "entries": rows}, f"{host.cache}\n{table(rows)}")


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def table(rows: list[Row]) -> str:
    """Align rows that have the same keys."""
    if not rows:
        return "(nothing)"
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    return "\n".join(
        "  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip() for row in rows
    )
