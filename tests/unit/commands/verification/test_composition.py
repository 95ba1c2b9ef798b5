import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from builder.artifact.supply.provenance import statement_place
from builder.commands.verification.composition import Form, Question, composition
from builder.foundation.process import Host
from builder.vocabulary.errors import UsageError, VerificationError
from builder.vocabulary.targets import Abi
from tests.documents import validate
from tests.unit.artifact import forge

SBOM = "share/build_runtime/sbom.cdx.json"
NOTICE = "share/build_runtime/NOTICE"
BILL = {"bomFormat": "CycloneDX"}


def write(root: Path, sbom: bytes = json.dumps(BILL).encode(), *, listed: bool = True) -> Path:
    """Write an artifact with these documents, which its manifest lists unless it is older."""
    content = {SBOM: sbom, NOTICE: b"pytorch 2.6.0\n"}
    manifest = forge.manifest({**forge.CONTENT, **content} if listed else forge.CONTENT)
    forge.write_folder(root, manifest)
    for path, data in content.items():
        (root / path).write_bytes(data)
    return root


def ask(artifact: Path, form: Form = Form.CYCLONEDX, abi: Abi | None = None) -> Question:
    return Question(artifact, form, abi)


def test_the_bill_is_printed_as_it_lies_in_the_artifact(tmp_path: Path, host: Host) -> None:
    answer = composition(ask(write(tmp_path / "dist")), host)
    validate("sbom", {"version": 1, **answer.document})
    assert json.loads(answer.text) == BILL
    assert composition(ask(tmp_path / "dist", Form.NOTICE), host).text == "pytorch 2.6.0"


def test_an_artifact_made_before_is_refused_in_one_message(tmp_path: Path, host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        composition(ask(write(tmp_path / "dist", listed=False)), host)
    assert caught.value.message == f"{tmp_path / 'dist'} does not say what it was made of"
    assert caught.value.exit_code == 2


def test_a_changed_artifact_says_nothing_of_what_it_was_made_of(tmp_path: Path, host: Host) -> None:
    artifact = write(tmp_path / "dist")
    (artifact / forge.LIBRARY).write_bytes(b"another runtime")
    with pytest.raises(VerificationError, match=r"libbuild_runtime\.so"):
        composition(ask(artifact), host)


def packed(folder: Path, archive: Path) -> Path:
    """Pack an artifact, as a build does."""
    with tarfile.open(archive, "w:gz") as opened:
        for path in sorted(it for it in folder.rglob("*") if it.is_file()):
            opened.add(path, path.relative_to(folder).as_posix())
    return archive


def test_an_archive_that_its_statement_contradicts_says_nothing(tmp_path: Path, host: Host) -> None:
    archive = packed(write(tmp_path / "dist"), tmp_path / "net.tar.gz")
    digest = {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    for told, agrees in ((digest, True), ({"sha256": "0" * 64}, False)):
        subject = [{"name": archive.name, "digest": told}]
        statement_place(archive).write_text(json.dumps({"subject": subject}))
        for form in Form:
            if agrees:
                assert composition(ask(archive, form), host).text
                continue
            with pytest.raises(VerificationError, match="its content is not that of") as caught:
                composition(ask(archive, form), host)
            assert caught.value.hint.startswith("take both files of one build")


def test_an_archive_with_more_than_was_built_says_nothing(tmp_path: Path, host: Host) -> None:
    folder = write(tmp_path / "dist")
    (folder / "share" / "more.txt").write_text("more")
    archive = packed(folder, tmp_path / "net.tar.gz")
    with pytest.raises(VerificationError, match=r"share/more\.txt: is not part of the artifact"):
        composition(ask(archive), host)


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 50_000])
def test_a_bill_that_is_none_is_refused(tmp_path: Path, host: Host, data: bytes) -> None:
    with pytest.raises(UsageError, match="SBOM"):
        composition(ask(write(tmp_path / "dist", data)), host)


def test_the_abi_must_be_one_of_the_artifact(tmp_path: Path, host: Host) -> None:
    with pytest.raises(UsageError, match="holds no runtime for x86"):
        composition(ask(write(tmp_path / "dist"), abi=Abi.X86), host)


def test_the_hash_of_the_bill_is_in_the_manifest(tmp_path: Path) -> None:
    artifact = write(tmp_path / "dist")
    listed = {
        it["path"]: it["sha256"]
        for it in json.loads((artifact / forge.MANIFEST).read_text())["result"]["files"]
    }
    assert listed[SBOM] == hashlib.sha256((artifact / SBOM).read_bytes()).hexdigest()
