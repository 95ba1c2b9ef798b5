"""What was built has the same bytes when it is built again, elsewhere; and its bill is right."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.documents import validate
from tests.e2e.real import Finished, Runtime
from tests.native.mini_torch.conftest import NewWorkshop
from tests.native.mini_torch.workshop import Workshop


@pytest.fixture(scope="module")
def again(new_workshop: NewWorkshop) -> Path:
    """Return a folder to build in again, whose cache has zig's libraries: they take a minute."""
    folder = new_workshop().folder
    assert (folder / "cache" / "zig").is_dir()
    return folder


def verify(used: Workshop, made: Runtime, again: Path, *, expect: int = 0) -> Finished:
    words = (
        made.archive, *used.first, "--no-run", "--rebuild", again, "--json",
    )  # fmt: skip
    env = {"BUILD_RUNTIME_SOURCE": str(used.source)}
    return used.tool.run("verify", *words, cwd=used.folder, expect=expect, env=env)


@pytest.mark.slow
def test_a_build_elsewhere_gives_the_same_bytes(
    used: Workshop, first: Runtime, again: Path
) -> None:
    document = verify(used, first, again).document
    validate("verify", document)
    assert document["checks"][-1]["name"] == "rebuild"
    assert document["checks"][-1]["outcome"] == "passed"
    assert list((again / "cache" / "objects").glob("*/build/**/*.o")), "compiled there"


def test_a_build_says_what_is_inside_and_under_which_licence(
    used: Workshop, first: Runtime
) -> None:
    document = used.tool.run("sbom", first.archive, "--json", cwd=used.folder).document
    validate("sbom", document)
    bill = document["targets"][0]["sbom"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    names = {it["name"] for it in bill["components"]}
    assert {"pytorch", "libc++", "build-runtime", "miniz", "net"} <= names
    assert not names & {"eigen", "gemmlowp", "unknown objects"}, "nothing of it is linked"
    for name in names - {"net"}:
        assert name in document["notice"]
