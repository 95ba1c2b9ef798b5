"""A plugin of pytest: this machine without what only Linux has, as macOS is (`-p`)."""

import os
import platform
from typing import Final

GONE: Final = (
    "sched_getaffinity", "sched_setaffinity", "sched_getscheduler", "sched_setscheduler",
    "sched_getparam", "sched_setparam", "sched_rr_get_interval", "posix_fadvise",
    "posix_fallocate", "memfd_create", "eventfd", "pidfd_open", "copy_file_range", "splice",
    "pipe2", "getrandom", "getresuid", "getresgid",
)  # fmt: skip
"""Names of `os`. Others (`O_TMPFILE`) stay: the standard library has found them by now."""

for name in GONE:
    if hasattr(os, name):
        delattr(os, name)
platform.machine = lambda: "arm64"
platform.system = lambda: "Darwin"
