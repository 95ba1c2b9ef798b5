"""The apps of `examples/android` compile, their logic is right, and their projects fit a build."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from builder.artifact.android import layout
from builder.foundation.settings import BuildSettings
from builder.vocabulary.targets import Abi
from tests.native.apps.compiling import APPS, compile_apps
from tests.native.vision.machine import Machine

PROJECTS: Final = ("image", "text")
ANDROID: Final = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(scope="module")
def apps(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return compile_apps(require, tmp_path_factory.mktemp("apps"))


@pytest.mark.parametrize("name", ["classification.LabelsTests", "text.VocabularyTests"])
def test_logic(apps: Machine, name: str) -> None:
    told = apps.run("org.junit.runner.JUnitCore", f"com.example.{name}")
    assert "\nOK (" in told, told


@pytest.mark.parametrize("project", PROJECTS)
def test_manifests_name_activities_that_are_there(project: str) -> None:
    source = APPS / project / "src" / "main"
    build = (APPS / project / "build.gradle.kts").read_text()
    (package,) = re.findall(r'namespace = "([\w.]+)"', build)
    names = [
        it.get(f"{ANDROID}name", "")
        for it in ET.parse(source / "AndroidManifest.xml").iter("activity")
    ]
    assert names
    for name in names:
        assert (
            (source / "java" / f"{package}{name}".replace(".", "/")).with_suffix(".java").exists()
        )


def test_projects_name_what_builds_publish() -> None:
    told = (APPS / "gradle.properties").read_text()
    properties = dict(re.findall(r"^([\w.]+)=(.*)$", told, re.MULTILINE))
    coordinates = BuildSettings().coordinates
    assert properties["runtime.group"] == coordinates.group
    assert properties["runtime.version"] == coordinates.version
    assert 'uri("dist/maven")' in (APPS / "settings.gradle.kts").read_text()


@pytest.mark.parametrize("project", PROJECTS)
def test_an_app_takes_the_model_it_runs_and_no_other(project: str) -> None:
    (activity,) = (APPS / project / "src" / "main").rglob(f"{project.capitalize()}Activity.java")
    (model,) = re.findall(r'MODEL = "([\w.]+)"', activity.read_text())
    build = (APPS / project / "build.gradle.kts").read_text()
    assert re.findall(r"dist/models[^\"]*", build) == [f"dist/models/{model}"]


@pytest.mark.parametrize("place", ["out", "dist", "build", ".gradle", "image/build", "text/build"])
def test_what_the_readme_makes_is_not_for_git(place: str) -> None:
    told = (APPS.parents[1] / ".gitignore").read_text().splitlines()
    path = f"/{(APPS / place).relative_to(APPS.parents[1])}/"
    assert any(fnmatch(path, it) for it in told)


def test_the_library_of_the_example_has_a_name_of_its_own() -> None:
    """An app that also makes tensors of images has that library in the same folder."""
    source = (APPS / "native/src/main/java/com/example/vision/Classifier.java").read_text()
    (name,) = re.findall(r'loadLibrary\("(\w+)"\)', source)
    assert f"OUTPUT_NAME {name}\n" in (APPS / "native" / "CMakeLists.txt").read_text()
    others = {layout.library, layout.jni_library, layout.vision_library}
    assert f"lib{name}.so" not in {it(Abi.X86).name for it in others}


def test_only_one_class_knows_camerax() -> None:
    knowing = {
        it.name for it in APPS.rglob("*.java")
        if re.search(r"import androidx\.camera\.(core|lifecycle)", it.read_text())
    }  # fmt: skip
    assert knowing == {"AbstractCameraXActivity.java"}
