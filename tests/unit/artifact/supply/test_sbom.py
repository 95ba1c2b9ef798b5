import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from builder.artifact.staging import Part, Presence
from builder.artifact.supply.sbom import sbom
from tests.unit.artifact.facts import make_contents, make_model

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def bill(root: Path, **changed: Any) -> str:
    root.mkdir(exist_ok=True)
    contents = replace(make_contents(root, make_model(root)), **changed)
    return sbom(contents, contents.models)


def test_it_is_a_bill_as_cyclonedx_describes_it(tmp_path: Path) -> None:
    text = bill(tmp_path)
    assert VALIDATOR.validate_str(text) is None
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert VALIDATOR.validate_str(text.replace('"library"', '"no kind"')) is not None


def test_every_part_and_model_is_in_it(tmp_path: Path) -> None:
    document = json.loads(bill(tmp_path))
    found = {it["name"]: it for it in document["components"]}
    assert found.keys() == {"libc++", "net", "pytorch"}
    assert found["libc++"]["licenses"] == [{"expression": "Apache-2.0 WITH LLVM-exception"}]
    assert found["pytorch"]["version"] == "2.6.0"
    told = {it["name"]: it["value"] for it in found["pytorch"]["properties"]}
    assert told == {
        "build-runtime:presence": "linked",
        "build-runtime:bytes": "40",
        "build-runtime:source-archive-sha256": "a" * 64,
    }
    assert found["net"]["type"] == "machine-learning-model"
    assert found["net"]["hashes"][0]["content"] == hashlib.sha256(b"lite").hexdigest()
    (runtime,) = (it for it in document["dependencies"] if it["ref"] == "runtime")
    assert runtime["dependsOn"] == ["part:libc++", "part:pytorch"]


def test_the_users_own_code_has_no_licence_of_ours(tmp_path: Path) -> None:
    yours = Part("operators of your own", "", "", "", Presence.LINKED, 3, ())
    text = bill(tmp_path, parts=(yours,))
    assert VALIDATOR.validate_str(text) is None
    assert "licenses" not in json.loads(text)["components"][0]


def test_equal_contents_have_equal_bills_anywhere(tmp_path: Path) -> None:
    one, two = bill(tmp_path / "one"), bill(tmp_path / "two")
    assert one == two
    assert str(tmp_path) not in one
    assert "timestamp" not in one
    other = json.loads(bill(tmp_path / "one", library=tmp_path / "one/LICENSE"))
    assert other["serialNumber"] != json.loads(one)["serialNumber"]
