"""What every command is given: settings, the machine, and where to tell progress."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from builder import RELEASE, VERSION
from builder.commands.exchange import Session
from builder.commands.line.arguments import Shown
from builder.foundation.configuration import Resolved
from builder.foundation.console import Console
from builder.foundation.machine import usable_cores
from builder.foundation.process import Host, Runner, SubprocessRunner, TellingRunner
from builder.foundation.settings import MachineSettings
from builder.vocabulary.errors import UsageError


def open_session(
    resolved: Resolved, shown: Shown, env: Mapping[str, str], console: Console
) -> Session:
    """Return the session of one command; a verbose one says what decides its course."""
    runner: Runner = SubprocessRunner()
    if shown.verbose:
        runner = TellingRunner(runner, console.note)
    host = make_host(resolved.settings.machine, env, runner)
    if shown.verbose:
        _tell(resolved, host, console)
    return Session(resolved, host, console)


def _tell(resolved: Resolved, host: Host, console: Console) -> None:
    versions = f"build-runtime {VERSION} for PyTorch {RELEASE}, Python {sys.version.split()[0]}"
    console.note(f"{versions}; jobs: {host.jobs}; cache: {host.cache}")
    for key, setting in resolved.origins.items():
        console.note(f"{key} = {setting.value or '-'}   ({setting.origin})")


def make_host(settings: MachineSettings, env: Mapping[str, str], runner: Runner) -> Host:
    """Return the machine as the user wants it used."""
    jobs = settings.jobs or usable_cores()
    cache = settings.cache_dir.resolve() if settings.cache_dir else _user_cache()
    if cache.exists() and not cache.is_dir():
        raise UsageError(
            f"the cache {cache} is not a folder", hint="choose another folder with --cache-dir"
        )
    return Host(MappingProxyType(dict(env)), runner, cache, jobs, settings.compiler_launcher)


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("build-runtime")
