from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.machine import operating_system
from builder.foundation.process import Host
from builder.toolchains.ndk.discovery import find_ndk
from builder.vocabulary.errors import ToolchainError
from tests.ndk import lay_out

STUDIO = {"linux": "Android/Sdk", "darwin": "Library/Android/sdk"}[operating_system()]

ORDER = (
    "$ANDROID_NDK_HOME", "$ANDROID_NDK_ROOT", "$ANDROID_NDK", "$NDK_HOME",
    "$ANDROID_NDK_LATEST_HOME", "$ANDROID_HOME/ndk", "$ANDROID_SDK_ROOT/ndk", f"~/{STUDIO}/ndk",
    "ndk.dir of local.properties",
)  # fmt: skip


def machine(host: Host, **env: Path) -> Host:
    return replace(host, env={name: str(path) for name, path in env.items()})


def everywhere(tmp_path: Path) -> Mapping[str, Path]:
    """Put an NDK at each place where one is looked for; return the variables by their names."""
    variables = {name[1:]: lay_out(tmp_path / name[1:]) for name in ORDER[:5]}
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        lay_out(tmp_path / name / "ndk" / "24.0.8215888")
        variables[name] = tmp_path / name
    lay_out(tmp_path / "home" / STUDIO / "ndk" / "24.0.8215888")
    lay_out(tmp_path / "project's own")
    (tmp_path / "local.properties").write_text("sdk.dir=/sdk\nndk.dir=project's own\n")
    return {**variables, "HOME": tmp_path / "home"}


def test_the_rules_come_in_the_documented_order(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = dict(everywhere(tmp_path))
    found = []
    while env:
        rule = find_ndk("", machine(host, **env)).rule
        found.append(rule)
        if rule == ORDER[-2]:
            env["HOME"] = tmp_path / "elsewhere"
        elif rule == ORDER[-1]:
            break
        else:
            del env[rule[1:].removesuffix("/ndk")]
    assert tuple(found) == ORDER


def test_the_newest_of_an_sdk_that_can_be_used_is_taken(host: Host, tmp_path: Path) -> None:
    for revision in ("24.0.8215888", "27.2.12479018", "28.0.1-beta1"):
        lay_out(tmp_path / "ndk" / revision, revision)
    (tmp_path / "ndk" / "99.0.1").mkdir()
    (tmp_path / "ndk" / "notes.txt").touch()
    found = find_ndk("", machine(host, ANDROID_HOME=tmp_path))
    assert str(found.ndk.revision) == "28.0.1-beta1"


def test_a_setting_wins_over_variables(host: Host, tmp_path: Path) -> None:
    one, other = lay_out(tmp_path / "one"), lay_out(tmp_path / "other")
    found = find_ndk(str(one), machine(host, ANDROID_NDK_HOME=other))
    assert (found.ndk.root, found.rule) == (one, f"--ndk {one}")


@pytest.mark.parametrize("word", ["26", "r26", "r26b", "26.1", "26.1.10909125"])
def test_a_revision_is_looked_up_where_ndks_are(host: Host, tmp_path: Path, word: str) -> None:
    for revision in ("26.0.10792818", "26.1.10909125", "27.2.12479018"):
        lay_out(tmp_path / "ndk" / revision, revision)
    found = find_ndk(word, machine(host, ANDROID_HOME=tmp_path))
    assert str(found.ndk.revision) == "26.1.10909125"
    assert found.rule == f"--ndk {word}, $ANDROID_HOME/ndk"


def test_a_revision_that_is_not_here_tells_which_are(host: Host, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "ndk" / "26.1.10909125", "26.1.10909125")
    with pytest.raises(ToolchainError) as caught:
        find_ndk("27", machine(host, ANDROID_HOME=tmp_path))
    assert caught.value.message == (f"no NDK 27 for --ndk; there is r26b (26.1.10909125) at {root}")


def test_variables_that_disagree_are_a_warning(host: Host, tmp_path: Path) -> None:
    one, other = lay_out(tmp_path / "one"), lay_out(tmp_path / "other")
    (tmp_path / "same").symlink_to(one)
    agreeing = machine(
        host, ANDROID_NDK_HOME=one, NDK_HOME=tmp_path / "same", ANDROID_NDK_LATEST_HOME=other
    )
    assert find_ndk("", agreeing).warnings == ()
    found = find_ndk("", machine(host, ANDROID_NDK_HOME=one, ANDROID_NDK=other))
    assert found.rule == "$ANDROID_NDK_HOME"
    assert found.warnings == (
        f"variables disagree about the NDK: $ANDROID_NDK_HOME is {one}, $ANDROID_NDK is {other}",
    )


@pytest.mark.parametrize(("major", "warned"), [(23, 0), (30, 0), (31, 1), (99, 1)])
def test_an_ndk_newer_than_known_is_a_warning(
    host: Host, tmp_path: Path, major: int, warned: int
) -> None:
    root = lay_out(tmp_path / "ndk", f"{major}.0.1")
    assert len(find_ndk(str(root), host).warnings) == warned


def test_a_named_ndk_that_cannot_be_used_is_not_passed_over(host: Host, tmp_path: Path) -> None:
    """Who names one means that one: another would be a surprise."""
    good = lay_out(tmp_path / "good")
    env = machine(host, ANDROID_NDK_HOME=tmp_path / "gone", ANDROID_NDK_ROOT=good)
    with pytest.raises(ToolchainError) as caught:
        find_ndk("", env)
    assert caught.value.message == (
        f"the NDK of $ANDROID_NDK_HOME cannot be used: {tmp_path}/gone: no such folder"
    )


def test_the_home_of_nobody_is_no_crash(host: Host) -> None:
    with pytest.raises(ToolchainError, match=r"~nobody-here/ndk: no such folder"):
        find_ndk("~nobody-here/ndk", host)


def test_no_ndk_tells_every_place(host: Host, tmp_path: Path) -> None:
    for name in ("21.4.7075529", "23.0.1"):
        (lay_out(tmp_path / "sdk" / "ndk" / name, name) / "meta/abis.json").unlink()
    with pytest.raises(ToolchainError, match="no Android NDK found") as caught:
        find_ndk("", machine(host, ANDROID_SDK_ROOT=tmp_path / "sdk", HOME=tmp_path))
    assert caught.value.looked_in == (
        "$ANDROID_NDK_HOME (unset)",
        "$ANDROID_NDK_ROOT (unset)",
        "$ANDROID_NDK (unset)",
        "$NDK_HOME (unset)",
        "$ANDROID_NDK_LATEST_HOME (unset)",
        "$ANDROID_HOME (unset)",
        f"~/{STUDIO}/ndk (no such folder)",
        "local.properties (none that names one)",
        (
            "$ANDROID_SDK_ROOT/ndk: 21.4.7075529: r21e (21.4.7075529) is too old: r23 or newer"
            " is needed"
        ),
        "$ANDROID_SDK_ROOT/ndk: 23.0.1: r23 is not whole: it has no meta/abis.json",
    )
