"""`doctor` and `targets`: what this machine has, and can build."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from builder import RELEASE
from builder.foundation.process import Host
from builder.proof.emulators import can_fetch, needed_packages
from builder.proof.execution import Executor, find_executor
from builder.source.pins import pins
from builder.toolchains.programs import find_program, program_version
from builder.toolchains.protocol import ToolchainProvider
from builder.toolchains.table import TOOLCHAINS
from builder.vocabulary.errors import BuildRuntimeError
from builder.vocabulary.targets import Abi, Platform, Target, make_target, target_facts

Row = dict[str, str]


def targets(host: Host) -> list[Row]:
    """Return every target, whether it can be built here, and how its programs would run."""
    rows: list[Row] = []
    for platform in Platform:
        for abi in Abi:
            target = make_target(platform, abi)
            _, runs = _running(target, host)
            builds = "yes" if platform in TOOLCHAINS else "not yet: no toolchain in this release"
            triple = target_facts(target).triple
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
    rows += [_toolchain(provider, host) for provider in TOOLCHAINS.values()]
    rows.append(_torch())
    for platform in TOOLCHAINS:
        for abi in Abi:
            state, detail = _running(make_target(platform, abi), host)
            rows.append({"what": f"running {abi}", "state": state, "detail": detail})
    rows.append(_source(host))
    rows.append(_cache_room(host))
    return rows


def _toolchain(provider: ToolchainProvider, host: Host) -> Row:
    try:
        found = provider.find(host)
    except BuildRuntimeError as error:
        detail = f"{error.message}; {error.hint}"
        return {"what": provider.name, "state": "missing", "detail": detail}
    return {"what": found.name, "state": "ok", "detail": f"{found.version} at {found.path}"}


def _running(target: Target, host: Host) -> tuple[str, str]:
    """Return the state of what runs programs of a target, and what it is."""
    executor = find_executor(target, host)
    if isinstance(executor, Executor):
        return "ok", executor.how
    if can_fetch(target, host):
        return "ok", f"fetched when needed: {' and '.join(needed_packages(target))} of Debian"
    return "optional", executor


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


def table(rows: list[Row]) -> str:
    """Align rows that have the same keys."""
    if not rows:
        return "(nothing)"
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    return "\n".join(
        "  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip() for row in rows
    )
