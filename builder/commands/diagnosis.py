"""`doctor` and `targets`: what this machine has, and can build."""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from builder import RELEASE
from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.proof.emulators import can_fetch, needed_packages
from builder.proof.execution import find_executor
from builder.proof.executor import Executor
from builder.source.pins import pins
from builder.toolchains.java.jdk import find_jdk
from builder.toolchains.programs import find_program, program_version
from builder.toolchains.table import TOOLCHAINS, provider_for
from builder.vocabulary.errors import BuildRuntimeError
from builder.vocabulary.targets import Abi, Platform, Target, make_target, target_facts

Row = dict[str, str]


def targets(settings: BuildSettings, host: Host) -> list[Row]:
    """Return every target, whether it can be built here, and how its programs would run."""
    rows: list[Row] = []
    for platform in Platform:
        for abi in Abi:
            target = make_target(platform, abi, settings.android_api)
            _, runs = _running(target, host)
            builds = _builds(target, settings, host)
            triple = target_facts(target).triple
            rows.append({"target": str(target), "triple": triple, "builds": builds, "runs": runs})
    return rows


def _builds(target: Target, settings: BuildSettings, host: Host) -> str:
    try:
        provider_for(target.platform, settings).refuse(target, host)
    except BuildRuntimeError as error:
        return f"no: {error.message}"
    return "yes"


def doctor(settings: BuildSettings, host: Host) -> list[Row]:
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
    for platform in TOOLCHAINS:
        rows += _toolchain(platform, settings, host)
    rows.append(_torch())
    rows.append(_jdk(host))
    for abi in Abi:
        state, detail = _running(make_target(Platform.LINUX, abi), host)
        rows.append({"what": f"running {abi}", "state": state, "detail": detail})
    rows.append(_source(host))
    rows.append(_cache_room(host))
    return rows


def _toolchain(platform: Platform, settings: BuildSettings, host: Host) -> Iterator[Row]:
    """Yield whether a toolchain is here, and what else to know; not every one has to be."""
    provider = provider_for(platform, settings)
    try:
        found = provider.find(host)
    except BuildRuntimeError as error:
        state = "optional" if provider.optional else "missing"
        looked = f"; looked in: {', '.join(error.looked_in)}" if error.looked_in else ""
        detail = f"{error.message}{looked}; {error.hint}"
        yield {"what": provider.name, "state": state, "detail": detail}
        return
    detail = f"{found.version} at {found.path}"
    told = provider.told(host)
    yield {"what": found.name, "state": "ok", "detail": told[0] if told else detail}
    yield from ({"what": found.name, "state": "optional", "detail": it} for it in told[1:])


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


def _jdk(host: Host) -> Row:
    try:
        found = find_jdk(host)
    except BuildRuntimeError as error:
        detail = f"only classes for Java need one: {error.message}; {error.hint}"
        return {"what": "jdk", "state": "optional", "detail": detail}
    return {"what": "jdk", "state": "ok", "detail": f"{found.release} at {found.home}"}


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
