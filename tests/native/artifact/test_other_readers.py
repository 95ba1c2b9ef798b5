"""AARs, apps and repositories as programs of others read them: aapt, zipalign, jar, Maven, Gradle.

Debian's aapt and zipalign make the apps, too: `apt install aapt zipalign maven gradle`.
"""

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from builder.artifact.maven.repository import publish
from builder.artifact.opening import open_artifacts
from builder.vocabulary.checks import ALIGNMENT
from tests.unit.artifact.forge_android import COORDINATES, make_aar

Require = Callable[[str], Path]

MANIFEST: Final = '<manifest package="com.example.app" />\n'
PROJECT: Final = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>app</groupId><artifactId>app</artifactId><version>1</version><packaging>pom</packaging>
  <dependencyManagement><dependencies><dependency>
    <groupId>{COORDINATES.group}</groupId><artifactId>{COORDINATES.artifact}</artifactId>
    <version>{COORDINATES.version}</version><type>pom</type><scope>import</scope>
  </dependency></dependencies></dependencyManagement>
</project>
"""
SETTINGS: Final = """\
<settings><mirrors><mirror>
  <id>here</id><mirrorOf>*</mirrorOf><url>{}</url>
</mirror></mirrors></settings>
"""
"""Whatever Maven looks for, it looks for in the folder alone."""

NOTATIONS: Final = ("1.2.0-rc1@aar", "1.2.0-rc1", "1.+")
"""Versions as Gradle files name them: the file alone, with its POM, the newest of the list."""

GRADLE: Final = """\
repositories {{ maven {{ url = uri("{repository}") }} }}
configurations {{ app }}
dependencies {{ app "{module}" }}
task resolve {{ doLast {{ configurations.app.each {{ println it }} }} }}
"""


@pytest.fixture(scope="module")
def aar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_aar(tmp_path_factory.mktemp("aar")).archive


def run(*argv: object, cwd: Path, expect: int = 0) -> str:
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (expect == 0), done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def app(aar: Path, tmp_path: Path, require: Require) -> Path:
    """Make an app with the libraries and the assets of an AAR; libraries are not compressed."""
    with zipfile.ZipFile(aar) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "AndroidManifest.xml").write_text(MANIFEST)  # that of an app, not of the AAR
    (tmp_path / "jni").rename(tmp_path / "lib")
    aapt = require("aapt")
    run(aapt, "package", "-f", "-M", "AndroidManifest.xml", "-A", "assets", "-F", "app.apk",
        cwd=tmp_path)  # fmt: skip
    names = [it.relative_to(tmp_path).as_posix() for it in sorted(tmp_path.glob("lib/*/*.so"))]
    run(aapt, "add", "-0", "", "app.apk", *names, cwd=tmp_path)
    return tmp_path / "app.apk"


def alignment(app: Path, scratch: Path) -> list[str]:
    with open_artifacts(app, scratch) as found:
        return [it.outcome.value for one in found for it in one.found if it.name == ALIGNMENT]


def test_zipalign_agrees_that_libraries_lie_at_pages(
    aar: Path, tmp_path: Path, require: Require
) -> None:
    told = run(require("zipalign"), "-c", "-v", "16384", aar, cwd=tmp_path)
    lines = [line for line in told.splitlines() if " jni/" in line]
    assert len(lines) == 2
    assert all(line.endswith("(OK)") for line in lines)


@pytest.mark.parametrize("page", [4, 16384])
def test_an_app_of_aapt_is_aligned_as_zipalign_says(
    page: int, app: Path, tmp_path: Path, require: Require
) -> None:
    zipalign = require("zipalign")
    run(zipalign, "-f", page, app, "aligned.apk", cwd=tmp_path)
    checked = subprocess.run(
        [zipalign, "-c", "16384", "aligned.apk"], cwd=tmp_path, capture_output=True, check=False
    )
    found = alignment(tmp_path / "aligned.apk", tmp_path / "scratch")
    assert (checked.returncode == 0) == (page == 16384)
    assert (found == ["passed", "passed"]) == (page == 16384)


def test_aapt_reads_the_app_with_our_assets(app: Path, tmp_path: Path, require: Require) -> None:
    listed = run(require("aapt"), "list", app, cwd=tmp_path).splitlines()
    assert "assets/build_runtime/manifest.json" in listed
    with open_artifacts(app, tmp_path / "scratch") as found:
        assert [str(it.target) for it in found] == ["android24-arm64-v8a", "android24-armeabi-v7a"]


def test_java_reads_the_archive_of_no_classes(aar: Path, tmp_path: Path, require: Require) -> None:
    with zipfile.ZipFile(aar) as archive:
        classes = archive.read("classes.jar")
    assert zipfile.is_zipfile(io.BytesIO(classes))
    (tmp_path / "classes.jar").write_bytes(classes)
    assert run(require("jar"), "tf", "classes.jar", cwd=tmp_path).split() == [
        "META-INF/MANIFEST.MF"
    ]


def test_maven_resolves_what_was_published(aar: Path, tmp_path: Path, require: Require) -> None:
    """With strict checksums: a wrong one is an error."""
    maven = require("mvn")
    repository = tmp_path / "maven"
    publish(aar, COORDINATES, ["net"], repository)
    (tmp_path / "pom.xml").write_text(PROJECT)
    (tmp_path / "settings.xml").write_text(SETTINGS.format(repository.as_uri()))

    def resolve(local: str, expect: int) -> None:
        run(maven, "-q", "-C", "-s", "settings.xml", f"-Dmaven.repo.local={tmp_path / local}",
            "validate", cwd=tmp_path, expect=expect)  # fmt: skip

    resolve("one", 0)
    folder = "com/example/my-models/1.2.0-rc1"
    pom = tmp_path / "one" / folder / "my-models-1.2.0-rc1.pom"
    assert "<packaging>aar</packaging>" in pom.read_text()
    (repository / folder / "my-models-1.2.0-rc1.pom.sha1").write_text("0" * 40)
    resolve("two", 1)


@pytest.mark.skipif(not shutil.which("gradle"), reason="no gradle here; it is too large for CI")
@pytest.mark.parametrize("version", NOTATIONS)
def test_gradle_resolves_what_was_published(version: str, aar: Path, tmp_path: Path) -> None:
    """Debian's Gradle is 4.4, which reads the POM alone and knows no module metadata."""
    repository, project = tmp_path / "maven", tmp_path / "app"
    publish(aar, replace(COORDINATES, version="1.1.9"), ["net"], repository)
    publish(aar, COORDINATES, ["net"], repository)
    project.mkdir()
    (project / "settings.gradle").write_text("rootProject.name = 'app'\n")
    module = f"{COORDINATES.group}:{COORDINATES.artifact}:{version}"
    (project / "build.gradle").write_text(GRADLE.format(repository=repository, module=module))
    env = {**os.environ, "GRADLE_USER_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["gradle", "--offline", "--no-daemon", "-q", "resolve"],
        cwd=project, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    published = repository / "com/example/my-models/1.2.0-rc1/my-models-1.2.0-rc1.aar"
    assert done.stdout.splitlines() == [str(published)]
