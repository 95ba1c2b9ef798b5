from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.toolchains.java.jdk import OLDEST, find_jdk
from builder.vocabulary.errors import ToolchainError

FILES = ("bin/javac", "bin/javadoc", "include/jni.h", "include/linux/jni_md.h")


def make_jdk(home: Path, version: str = "17.0.15") -> Path:
    for name in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def naming(host: Host, home: Path) -> Host:
    return replace(host, env={**host.env, "JAVA_HOME": str(home)})


def test_java_home_decides(host: Host, tmp_path: Path) -> None:
    home = make_jdk(tmp_path / "jdk", "21")
    found = find_jdk(naming(host, home))
    assert (found.home, found.release, found.javac) == (home, 21, home / "bin/javac")
    assert found.headers == (home / "include", home / "include/linux")


def test_the_compiler_on_the_path_leads_to_its_kit(host: Host, tmp_path: Path) -> None:
    home = make_jdk(tmp_path / "jvm" / "java-17")
    for link, target in (
        (tmp_path / "alternatives" / "javac", home / "bin/javac"),
        (tmp_path / "bin" / "javac", tmp_path / "alternatives" / "javac"),
    ):
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
    assert find_jdk(host).home == home


def test_without_a_kit_both_places_are_told(host: Host) -> None:
    with pytest.raises(ToolchainError, match="no JDK was found") as caught:
        find_jdk(host)
    assert caught.value.looked_in == ("$JAVA_HOME (unset)", "$PATH")
    assert "openjdk-17-jdk-headless" in caught.value.hint


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("release", "its file `release` cannot be read"),
        ("bin/javac", "it has no bin/javac"),
        ("bin/javadoc", "it has no bin/javadoc"),
        ("include/jni.h", "it has no include/jni.h"),
    ],
)
def test_what_a_kit_lacks_is_told(host: Host, tmp_path: Path, missing: str, reason: str) -> None:
    home = make_jdk(tmp_path / "jdk")
    (home / missing).unlink()
    with pytest.raises(ToolchainError, match=reason) as caught:
        find_jdk(naming(host, home))
    assert str(home) in caught.value.message


@pytest.mark.parametrize(
    ("version", "reason"), [("1.8.0_392", "it is of release 8"), ("", "tells no version")]
)
def test_old_kits_are_refused(host: Host, tmp_path: Path, version: str, reason: str) -> None:
    with pytest.raises(ToolchainError, match=reason) as caught:
        find_jdk(naming(host, make_jdk(tmp_path / "jdk", version)))
    assert f"release {OLDEST} or newer" in caught.value.hint
