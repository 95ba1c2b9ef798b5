import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

from builder.artifact.android.images import package_images
from builder.artifact.staging import ImageFiles, Licence, Part, Presence
from builder.foundation.coordinates import Coordinates, for_images
from builder.vocabulary.targets import Abi, Platform, make_target

RUNTIME = Coordinates("com.example", "pytorch_android_lite", "1.2.0")
ABIS = (Abi.ARM64_V8A, Abi.X86)

TEXTS = (Licence("LICENSE", b"the licence"),)
OURS = Part("build-runtime", "0.1.0", "", "BSD-3-Clause", Presence.LINKED, 9, TEXTS)


def made(folder: Path) -> Path:
    folder.mkdir()
    (folder / "library").write_bytes(b"a library")
    files = ImageFiles(b"classes", folder / "library")
    parts = [(make_target(Platform.ANDROID, it), files) for it in ABIS]
    return package_images(parts, OURS, for_images(RUNTIME), folder).archive


def test_the_aar_has_classes_and_a_library_for_each_abi(tmp_path: Path) -> None:
    archive = made(tmp_path / "dist")
    assert archive.name == "build-runtime-torchvision-android24.aar"
    with zipfile.ZipFile(archive) as aar:
        assert sorted(aar.namelist()) == [
            "AndroidManifest.xml", "META-INF/build_runtime/NOTICE",
            "META-INF/build_runtime/licenses/build-runtime/LICENSE",
            "META-INF/com/android/build/gradle/aar-metadata.properties",
            "R.txt", "classes.jar", "jni/arm64-v8a/libpytorch_vision_jni.so",
            "jni/x86/libpytorch_vision_jni.so", "proguard.txt",
        ]  # fmt: skip
        assert aar.read("classes.jar") == b"classes"
        stored = aar.getinfo("jni/x86/libpytorch_vision_jni.so")
        assert stored.compress_type == zipfile.ZIP_STORED
        assert b"-keep class org.pytorch.torchvision.NativeVision" in aar.read("proguard.txt")
        manifest = ET.fromstring(aar.read("AndroidManifest.xml"))
        assert b"build-runtime 0.1.0  BSD-3-Clause" in aar.read("META-INF/build_runtime/NOTICE")
    assert manifest.get("package") == "com.example.pytorch_android_torchvision_lite"


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    assert made(tmp_path / "one").read_bytes() == made(tmp_path / "two").read_bytes()


def test_its_name_is_that_of_pytorchs_or_follows_the_runtimes() -> None:
    assert str(for_images(RUNTIME)) == "com.example:pytorch_android_torchvision_lite:1.2.0"
    own = Coordinates("com.example", "models", "1.2.0")
    assert str(for_images(own)) == "com.example:models_torchvision:1.2.0"
