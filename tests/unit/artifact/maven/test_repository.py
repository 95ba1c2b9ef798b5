import hashlib
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from builder.artifact.maven.gradle import Extras
from builder.artifact.maven.repository import publish
from builder.foundation.coordinates import Coordinates
from builder.vocabulary.errors import UsageError
from tests.documents import read_schema

POM = "{http://maven.apache.org/POM/4.0.0}"
ONE = Coordinates("com.example", "models", "1.0.0")
FOLDER = Path("com/example/models")
SPECIFICATION = Path(__file__).with_name("gradle-module.schema.json")


@pytest.fixture
def aar(tmp_path: Path) -> Path:
    path = tmp_path / "build-runtime-android24.aar"
    path.write_bytes(b"an archive")
    return path


def text(root: ET.Element, path: str) -> list[str]:
    return [it.text or "" for it in root.iterfind(path)]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        it.relative_to(folder).as_posix(): it.read_bytes()
        for it in folder.rglob("*")
        if it.is_file()
    }


def test_a_repository_has_what_maven_and_gradle_look_for(aar: Path, tmp_path: Path) -> None:
    published = publish(aar, ONE, ["net"], tmp_path / "maven")
    found = tree(tmp_path / "maven")
    plain = [
        "com/example/models/1.0.0/models-1.0.0.aar",
        "com/example/models/1.0.0/models-1.0.0.module",
        "com/example/models/1.0.0/models-1.0.0.pom",
        "com/example/models/maven-metadata.xml",
    ]
    checksums = ("md5", "sha1", "sha256", "sha512")
    assert sorted(found) == sorted(
        [*plain, *(f"{it}.{kind}" for it in plain for kind in checksums)]
    )
    for name in plain:
        for kind in checksums:
            assert found[f"{name}.{kind}"].decode() == hashlib.new(kind, found[name]).hexdigest()
    assert published.aar.read_bytes() == aar.read_bytes()
    assert {it.relative_to(tmp_path / "maven").as_posix() for it in published.files} == found.keys()


def test_the_pom_says_what_it_is_and_that_gradle_has_more(aar: Path, tmp_path: Path) -> None:
    publish(aar, ONE, ["net", "a<b>&c"], tmp_path)
    data = (tmp_path / FOLDER / "1.0.0/models-1.0.0.pom").read_text()
    assert "<!-- do_not_remove: published-with-gradle-metadata -->" in data
    pom = ET.fromstring(data)
    facts = [text(pom, f"{POM}{it}") for it in ("groupId", "artifactId", "version", "packaging")]
    assert facts == [["com.example"], ["models"], ["1.0.0"], ["aar"]]
    assert "a<b>&c, net" in text(pom, f"{POM}description")[0]


def test_gradle_is_told_of_two_variants_of_one_file(aar: Path, tmp_path: Path) -> None:
    publish(aar, ONE, [], tmp_path)
    document = json.loads((tmp_path / FOLDER / "1.0.0/models-1.0.0.module").read_text())
    assert document["formatVersion"] == "1.1"
    assert document["component"] == {
        "group": "com.example", "module": "models", "version": "1.0.0",
        "attributes": {"org.gradle.status": "release"},
    }  # fmt: skip
    usages = {it["name"]: it["attributes"]["org.gradle.usage"] for it in document["variants"]}
    assert usages == {"apiPublication": "java-api", "runtimePublication": "java-runtime"}
    for variant in document["variants"]:
        assert variant["attributes"]["org.gradle.libraryelements"] == "aar"
        assert variant["attributes"]["org.gradle.category"] == "library"
        assert variant["attributes"]["org.gradle.dependency.bundling"] == "external"
        (file,) = variant["files"]
        assert (file["name"], file["url"]) == ("models-1.0.0.aar", "models-1.0.0.aar")
        assert file["size"] == len(b"an archive")
        for kind in ("md5", "sha1", "sha256", "sha512"):
            assert file[kind] == hashlib.new(kind, b"an archive").hexdigest()


def test_what_gradle_reads_keeps_to_its_specification(aar: Path, tmp_path: Path) -> None:
    publish(aar, ONE, [], tmp_path)
    document = json.loads((tmp_path / FOLDER / "1.0.0/models-1.0.0.module").read_text())
    Draft202012Validator(read_schema(SPECIFICATION)).validate(document)
    assert next(iter(document)) == "formatVersion", "Gradle wants it first"
    for told in ("name", "attributes"):
        values = [json.dumps(it[told]) for it in document["variants"]]
        assert len(set(values)) == len(values), "variants that nothing tells apart"


def test_documents_lie_beside_and_what_it_stands_for_and_needs_is_told(
    aar: Path, tmp_path: Path
) -> None:
    extras = Extras(
        documents=(("sources", b"a jar"), ("javadoc", b"another")),
        stands_for=(Coordinates("org.pytorch", "pytorch_android", "9.0"), ONE),
        needs=(Coordinates("com.example", "core", "1.0.0"),),
    )
    published = publish(aar, ONE, ["net"], tmp_path, extras)
    folder = tmp_path / FOLDER / "1.0.0"
    assert (folder / "models-1.0.0-sources.jar").read_bytes() == b"a jar"
    assert folder / "models-1.0.0-javadoc.jar.sha512" in published.files
    document = json.loads((folder / "models-1.0.0.module").read_text())
    Draft202012Validator(read_schema(SPECIFICATION)).validate(document)
    api, runtime, sources, javadoc = document["variants"]
    for variant in (api, runtime):
        assert variant["capabilities"] == [
            {"group": "com.example", "name": "models", "version": "1.0.0"},
            {"group": "org.pytorch", "name": "pytorch_android", "version": "9.0"},
        ]
        (needed,) = variant["dependencies"]
        assert needed["version"] == {"requires": "1.0.0"}
    assert [it["attributes"]["org.gradle.docstype"] for it in (sources, javadoc)] == [
        "sources", "javadoc",
    ]  # fmt: skip
    assert javadoc["files"][0]["sha256"] == hashlib.sha256(b"another").hexdigest()
    pom = ET.parse(folder / "models-1.0.0.pom").getroot()
    found = f"{POM}dependencies/{POM}dependency/{POM}"
    told = [text(pom, f"{found}{it}") for it in ("groupId", "artifactId", "version", "type")]
    assert told == [["com.example"], ["core"], ["1.0.0"], ["aar"]]


def versions(repository: Path) -> tuple[list[str], list[str]]:
    root = ET.parse(repository / FOLDER / "maven-metadata.xml").getroot()
    return text(root, "versioning/versions/version"), text(root, "versioning/release")


def test_another_version_is_kept_and_listed(aar: Path, tmp_path: Path) -> None:
    repository = tmp_path / "maven"
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        publish(aar, Coordinates("com.example", "models", version), [], repository)
    assert versions(repository) == (["1.0.0", "1.9.0", "1.10.0"], ["1.9.0"])
    before = tree(repository / FOLDER / "1.10.0")
    aar.write_bytes(b"another")
    publish(aar, ONE, [], repository)
    assert tree(repository / FOLDER / "1.10.0") == before
    assert (repository / FOLDER / "1.0.0/models-1.0.0.aar").read_bytes() == b"another"


def test_what_others_published_is_kept(aar: Path, tmp_path: Path) -> None:
    strange = tmp_path / "maven" / FOLDER / "final" / "models-final.pom"
    strange.parent.mkdir(parents=True)
    strange.write_text("<project/>")
    publish(aar, ONE, [], tmp_path / "maven")
    assert sorted(versions(tmp_path / "maven")[0]) == ["1.0.0", "final"]
    assert strange.read_text() == "<project/>"


def test_equal_content_gives_equal_bytes_anywhere(aar: Path, tmp_path: Path) -> None:
    for place in ("one", "two/deeper"):
        publish(aar, ONE, ["net"], tmp_path / place)
    assert tree(tmp_path / "one") == tree(tmp_path / "two/deeper")
    assert not any(re.search(rb"lastUpdated", it) for it in tree(tmp_path / "one").values())


def test_a_repository_that_cannot_be_written_is_told(aar: Path, tmp_path: Path) -> None:
    (tmp_path / "maven").mkdir()
    (tmp_path / "maven/com").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write .*com.*: (Not a directory|File exists)"):
        publish(aar, ONE, [], tmp_path / "maven")
