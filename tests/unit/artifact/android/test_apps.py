import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.artifact.opening import is_artifact, open_artifacts
from builder.vocabulary.checks import ALIGNMENT, FILES, Check
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import Abi
from tests.unit.artifact.forge_android import ABIS, align, library, make_aar, make_app


@pytest.fixture(scope="module")
def aar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_aar(tmp_path_factory.mktemp("aar")).archive


def checks(app: Path, scratch: Path) -> list[list[Check]]:
    with open_artifacts(app, scratch) as found:
        for it in found:
            assert it.is_app
            assert it.library.is_file()
            assert it.program is None
        return [list(it.found) for it in found]


def outcomes(app: Path, scratch: Path, name: str) -> list[tuple[str, str]]:
    return [
        (it.outcome.value, "; ".join(it.reasons))
        for found in checks(app, scratch)
        for it in found
        if it.name == name
    ]


@pytest.mark.parametrize("module", ["", "base/", "feature.x/"])
def test_an_app_tells_which_runtime_it_holds(module: str, aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.zip", module=module)
    assert is_artifact(app)
    with open_artifacts(app, tmp_path / "s") as found:
        assert [it.target.abi for it in found] == list(ABIS)
        assert [it.library.read_bytes() for it in found] == [library(it) for it in ABIS]
        assert found[0].selected == {"aten::add.Tensor"}
        assert found[0].models == ()
    assert outcomes(app, tmp_path / "s", FILES) == [("passed", "")] * 2


@pytest.mark.parametrize(
    ("page", "off_by", "expected"),
    [
        (0x4000, 0, ["passed", "passed"]),
        (0x1000, 0, ["failed", "passed"]),
        (0x4000, 0x1000, ["failed", "passed"]),
        (0x4000, 4, ["failed", "failed"]),
    ],
)
def test_a_stored_library_must_lie_at_a_page(
    page: int, off_by: int, expected: list[str], aar: Path, tmp_path: Path
) -> None:
    app = align(make_app(aar, tmp_path / "app.apk"), page, off_by=off_by)
    found = outcomes(app, tmp_path / "s", ALIGNMENT)
    assert [outcome for outcome, _ in found] == expected
    for outcome, reason in found:
        assert outcome == "passed" or "begins at byte" in reason


def test_a_compressed_library_is_said_to_be_so(aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.apk", compressed=True)
    for outcome, reason in outcomes(app, tmp_path / "s", ALIGNMENT):
        assert outcome == "skipped"
        assert "is compressed: it is unpacked when the app is installed" in reason


def test_a_bundle_is_aligned_by_stores(aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.aab", module="base/")
    assert outcomes(app, tmp_path / "s", ALIGNMENT) == [
        ("skipped", "stores align libraries when they make APKs of a bundle")
    ] * 2  # fmt: skip


def test_the_library_of_another_build_is_noticed(aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.apk", swapped=True)
    for outcome, reason in outcomes(app, tmp_path / "s", FILES):
        assert outcome == "failed"
        assert "c58ff20794fb046fca0e412ce3d5df179e378c42, that of the manifest" in reason


def test_a_damaged_library_is_noticed(aar: Path, tmp_path: Path) -> None:
    app = tmp_path / "app.apk"
    whole = make_app(aar, tmp_path / "a.apk")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(app, "w") as made:
        for name in source.namelist():
            data = source.read(name)
            made.writestr(name, data[:100] if name.endswith(".so") else data)
    for outcome, reason in outcomes(app, tmp_path / "s", FILES):
        assert outcome == "failed"
        assert "is not a readable ELF library" in reason


def refused(app: Path, scratch: Path) -> UsageError:
    with pytest.raises(UsageError) as caught, open_artifacts(app, scratch):
        pass
    assert caught.value.hint
    return caught.value


def test_an_app_without_our_library_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.apk", "w") as made:
        made.writestr("AndroidManifest.xml", b"binary")
        for number in range(7):
            made.writestr(f"lib/x86_64/lib{number}.so", b"")
    error = refused(tmp_path / "app.apk", tmp_path / "s")
    assert error.message.endswith("app.apk holds no libbuild_runtime.so")
    assert error.looked_in == (*(f"lib/x86_64/lib{it}.so" for it in range(5)), "and 2 more")


def test_an_app_without_the_manifest_is_refused(aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.apk", assets=False)
    error = refused(app, tmp_path / "s")
    assert "nothing says what is in it" in error.message
    assert error.looked_in == ("assets/build_runtime/manifest.json",)


def test_an_abi_the_manifest_does_not_tell_of_is_refused(aar: Path, tmp_path: Path) -> None:
    app = make_app(aar, tmp_path / "app.apk")
    with zipfile.ZipFile(app, "a") as made:
        made.writestr("lib/x86/libbuild_runtime.so", library(Abi.X86))
    error = refused(app, tmp_path / "s")
    assert "lib/x86/libbuild_runtime.so is not in its manifest" in error.message


@settings(max_examples=30)
@given(at=st.integers(0, 100_000), byte=st.integers(1, 255))
def test_a_flipped_bit_is_an_error_or_noticed(
    at: int, byte: int, aar: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("flipped")
    data = bytearray(make_app(aar, root / "app.apk").read_bytes())
    data[at % len(data)] ^= byte
    (root / "app.apk").write_bytes(data)
    try:
        with open_artifacts(root / "app.apk", root / "s"):
            pass
    except UsageError as error:
        assert "app.apk" in error.message  # noqa: PT017  both ends are right
