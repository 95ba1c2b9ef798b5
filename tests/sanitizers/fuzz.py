"""Fuzz the loader under AddressSanitizer and UBSan, steered by coverage.

    python -m tests.sanitizers.fuzz --seconds 1800

What crashed it is written as `crash-*` to the folder named, and belongs into
`tests/sanitizers/corpus` once it is fixed: `tests/e2e/test_malformed.py` loads those files in the
normal runtime, too.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from builder.foundation.process import Host
from tests.sanitizers.build import Instrumented, build, cache_folder, make_host
from tests.sanitizers.seeds import write_seeds
from tests.sanitizers.toolchain import Sanitizer, find_clang

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
OPTIONS: Final = {
    "ASAN_OPTIONS": "allocator_may_return_null=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:suppressions={HERE / 'ubsan.supp'}",
}
"""An allocation that is too large fails as it does outside of the sanitizer, with bad_alloc."""


def compile_target(made: Instrumented, host: Host, source: Path = HERE / "fuzz_load.cpp") -> Path:
    """Link a fuzz target against the instrumented runtime."""
    clang = find_clang(Sanitizer.ADDRESS, host)
    target = made.prefix / "bin" / source.stem.replace("_", "-")
    library = made.prefix / "lib"
    subprocess.run(
        [
            clang.cxx, "-std=c++17", "-O1", "-g1", "-fsanitize=fuzzer,address,undefined",
            "-shared-libsan", "-static-libstdc++", f"-I{ROOT / 'native' / 'include'}",
            source, "-o", target,
            library / "libbuild_runtime.so", f"-fuse-ld={clang.linker}",
            f"-Wl,-rpath,{library}", f"-Wl,-rpath,{clang.resources}",
        ],
        check=True,
    )  # fmt: skip
    return target


def fuzz(target: Path, corpus: Path, seconds: int) -> int:
    """Run the fuzzer; its exit code is not 0 when it found something."""
    words = (
        f"-max_total_time={seconds}", "-max_len=65536",
        "-rss_limit_mb=3072", "-malloc_limit_mb=1024", "-timeout=20",
        "-print_final_stats=1", "-len_control=20", f"-dict={HERE / 'loader.dict'}",
        f"-artifact_prefix={corpus.parent}/", "-reload=0",
    )  # fmt: skip
    env = {**os.environ, **OPTIONS}
    return subprocess.run([target, *words, corpus], env=env, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--folder", type=Path, default=Path("fuzzing"), metavar="DIR")
    options = parser.parse_args()
    host = make_host(cache_folder())
    made = build(Sanitizer.ADDRESS, host)
    target = compile_target(made, host)
    corpus = options.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    write_seeds(corpus, made.models)
    return fuzz(target, corpus, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
