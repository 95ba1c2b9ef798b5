"""The checksum of an archive's records is the one that zip files have."""

import ctypes
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.places import ROOT

Checksum = Callable[[int, bytes], int]


@pytest.fixture(scope="module")
def checksum(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Checksum:
    path = tmp_path_factory.mktemp("checksum") / "checksum.so"
    source = ROOT / "native/src/cuts/checksum.cpp"
    flags = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([require("g++"), *flags, source, "-o", path], check=True)
    function = ctypes.CDLL(str(path)).mz_crc32
    function.restype = ctypes.c_ulong
    function.argtypes = (ctypes.c_ulong, ctypes.c_char_p, ctypes.c_size_t)
    return lambda before, data: int(function(before, data, len(data)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_checksums_are_those_of_zip(checksum: Checksum, one: bytes, other: bytes) -> None:
    assert checksum(0, one) == zlib.crc32(one)
    assert checksum(zlib.crc32(one), other) == zlib.crc32(one + other)
