import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from builder.artifact.manifest import BuildFacts, describe_model
from builder.artifact.staging import Bundle
from builder.artifact.supply.provenance import (
    check_statement,
    statement,
    statement_place,
    write_statement,
)
from builder.vocabulary.checks import Outcome
from tests.unit.artifact.facts import make_model, make_plan


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    archive = tmp_path / "build-runtime-linux-arm64-v8a.tar.gz"
    archive.write_bytes(b"an archive")
    return Bundle(archive, 10, hashlib.sha256(b"an archive").hexdigest(), "{}")


def facts(root: Path, provider: str = "cache") -> BuildFacts:
    model = describe_model(make_model(root), None)
    return BuildFacts(make_plan(root, provider=provider), (model,))


def test_it_names_the_archive_and_all_that_it_was_made_of(bundle: Bundle, tmp_path: Path) -> None:
    document = json.loads(statement(bundle, (facts(tmp_path),)))
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    assert document["subject"] == [
        {"name": bundle.archive.name, "digest": {"sha256": bundle.sha256}}
    ]
    made = document["predicate"]["buildDefinition"]
    source = hashlib.sha256(b"scripted").hexdigest()
    assert made["externalParameters"]["models"] == [{"name": "net", "digest": {"sha256": source}}]
    (target,) = made["externalParameters"]["targets"]
    assert target["operators"] == ["aten::add.Tensor"]
    assert target.keys() == {"target", "dtypes", "messages", "kernels", "isa", "operators"}
    assert made["resolvedDependencies"] == [
        {"name": "cpuinfo", "digest": {"sha256": "b" * 64}},
        {
            "name": "pytorch",
            "digest": {"sha256": "a" * 64},
            "annotations": {"version": "2.6.0"},
        },
        {"name": "zig", "annotations": {"version": "0.17.1"}},
    ]


def test_a_source_of_git_is_named_by_its_commit(bundle: Bundle, tmp_path: Path) -> None:
    known = facts(tmp_path)
    components = (replace(known.plan.source.components[0], version="c" * 40, sha256=""),)
    source = replace(known.plan.source, components=components)
    plan = replace(known.plan, objects=replace(known.plan.objects, source=source))
    document = json.loads(statement(bundle, (replace(known, plan=plan),)))
    made = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert made[0] == {"name": "pytorch", "digest": {"gitCommit": "c" * 40}}


def test_equal_builds_have_equal_statements_anywhere(bundle: Bundle, tmp_path: Path) -> None:
    texts = []
    for provider in ("git", "debian"):
        folder = tmp_path / provider
        folder.mkdir()
        texts.append(statement(bundle, (facts(folder, provider),)))
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_an_archive_is_read_once(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_statement(bundle, (facts(tmp_path),))
    read = []

    def sha256(path: Path) -> str:
        read.append(path)
        return bundle.sha256

    monkeypatch.setattr("builder.artifact.supply.provenance.sha256_file", sha256)
    check_statement(bundle.archive)
    assert read == [bundle.archive]


def test_an_archive_is_compared_with_the_statement_beside_it(
    bundle: Bundle, tmp_path: Path
) -> None:
    assert check_statement(bundle.archive) is None
    place = write_statement(bundle, (facts(tmp_path),))
    assert place == statement_place(bundle.archive)
    good = check_statement(bundle.archive)
    assert good is not None
    assert good.outcome is Outcome.PASSED
    bundle.archive.write_bytes(b"another archive")
    bad = check_statement(bundle.archive)
    assert bad is not None
    assert (bad.name, bad.outcome) == ("provenance", Outcome.FAILED)
    assert bad.reasons == (f"{bundle.archive.name}: its content is not that of {place.name}",)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"subject": 1}', '{"subject": [[]]}', "[" * 20_000]
)
def test_a_damaged_statement_fails_the_check(bundle: Bundle, text: str) -> None:
    statement_place(bundle.archive).write_text(text)
    found = check_statement(bundle.archive)
    assert found is not None
    assert found.outcome is Outcome.FAILED
    assert "it is no statement about an archive" in found.reasons[0]


def test_a_statement_about_another_archive_fails_the_check(bundle: Bundle, tmp_path: Path) -> None:
    other = replace(bundle, archive=tmp_path / "other.tar.gz")
    statement_place(bundle.archive).write_text(statement(other, (facts(tmp_path),)))
    found = check_statement(bundle.archive)
    assert found is not None
    assert found.reasons == (
        f"{bundle.archive.name}.provenance.json: it is not about {bundle.archive.name}",
    )
