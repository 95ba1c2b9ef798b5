import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.cli import main
from builder.toolchains import zig
from builder.vocabulary.plan import Program
from tests.documents import validate
from tests.unit.models import forge

ADD, RELU = ("aten::add", "Tensor", 2), ("aten::relu", "", 1)

Key = Callable[..., tuple[str, ...]]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(zig, "find_zig", lambda: Program("zig", Path("/z/zig"), "0.17.1"))


@pytest.fixture
def key(capsys: pytest.CaptureFixture[str]) -> Key:
    """Return a function that asks for the key of models, and returns it with its beginnings."""

    def ask(*words: object, abi: str = "x86_64") -> tuple[str, ...]:
        assert main(["cache", "key", *map(str, words), "--abi", abi, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        validate("cache-key", document)
        return document["key"], *document["restore_keys"]

    return ask


def write(name: str, *operators: tuple[object, ...], weights: bytes = b"zero") -> Path:
    steps = (("STORE", 1, 0), *forge.calls(operators), ("LOAD", 1, 0), forge.RETURN)
    function = forge.function(operators=operators, instructions=steps)
    records = {**forge.lite(), "bytecode.pkl": forge.bytecode(function), "extra/weights": weights}
    return forge.write(Path(name), records)


def test_new_weights_do_not_change_the_key(key: Key) -> None:
    first = key(write("net.ptl", ADD))
    assert key(write("net.ptl", ADD, weights=b"trained")) == first


def test_other_operators_restore_by_the_objects(key: Key) -> None:
    first, second = key(write("net.ptl", ADD)), key(write("net.ptl", ADD, RELU))
    assert first[0] != second[0]
    assert first[1:] == second[1:]
    assert all(it.startswith(first[1]) for it in (first[0], second[0]))
    assert first[1].startswith(first[2])


def test_settings_and_compilers_restore_by_the_targets(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write("net.ptl", ADD)
    usual = key(model)
    others = [key(model, "--messages", "full"), key(model, "--dtypes", "Float,Double")]
    monkeypatch.setattr(zig, "find_zig", lambda: Program("zig", Path("/z/zig"), "0.18.0"))
    others.append(key(model))
    assert len({usual[1], *(it[1] for it in others)}) == 4
    assert {it[2] for it in others} == {usual[2]}


def test_other_targets_share_nothing(key: Key) -> None:
    model = write("net.ptl", ADD)
    one, two = key(model), key(model, abi="arm64-v8a,x86_64")
    assert two[2].endswith("-for-linux-arm64-v8a+linux-x86_64-")
    assert not set(one) & set(two)


def test_where_things_lie_does_not_count(key: Key, tmp_path: Path) -> None:
    first = key(write("net.ptl", ADD))
    (tmp_path / "deeper").mkdir()
    assert key((tmp_path / "net.ptl").rename(tmp_path / "deeper/net.ptl")) == first
    assert key("deeper/net.ptl", "-j", "3") == first


def test_an_operator_list_counts_by_its_text(key: Key) -> None:
    Path("ops.yaml").write_text("- aten::relu\n")
    first = key("ops.yaml")
    Path("ops.yaml").write_text("- aten::neg\n")
    second = key("ops.yaml")
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_people_get_the_key_and_then_its_beginnings(
    key: Key, capsys: pytest.CaptureFixture[str]
) -> None:
    found = key(write("net.ptl", ADD))
    assert main(["cache", "key", "net.ptl", "--abi", "x86_64"]) == 0
    assert capsys.readouterr().out.splitlines() == list(found)
