import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder import RELEASE
from builder.artifact.opening import open_artifacts
from builder.artifact.reading import Artifact
from builder.commands.verification.rebuilding import (
    Rebuild,
    rebuild,
    refuse_other_models,
    request_again,
)
from builder.foundation.cache import prune
from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.pipeline.request import Built, Events, Request
from builder.source.request import SourceRequest
from builder.vocabulary.checks import Outcome
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Rewrite
from builder.vocabulary.targets import Abi, Platform
from tests.unit.artifact import forge
from tests.unit.pipeline.test_planning import Heard

Change = Callable[[Path], None]


class Steps(Heard):
    """Steps are fine here."""

    def step(self, text: str) -> None:
        del text


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.pt"
    path.write_bytes(b"scripted")
    return path


def manifest(**changed: Any) -> dict[str, Any]:
    document = forge.manifest()
    document["models"][0]["source_sha256"] = hashlib.sha256(b"scripted").hexdigest()
    return {**document, **changed}


@pytest.fixture
def artifact(tmp_path: Path, host: Host) -> Artifact:
    folder = forge.write_folder(tmp_path / "dist", manifest())
    with open_artifacts(folder, host.cache) as found:
        return found[0]


def wish(folder: Path, **settings: Any) -> Rebuild:
    return Rebuild(folder, BuildSettings(**settings), SourceRequest(offline=True))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], list[tuple[Request, Host]]]:
    """Let a build write what the artifact has, but for a change; return what it was asked."""

    def script(change: Change) -> list[tuple[Request, Host]]:
        asked: list[tuple[Request, Host]] = []

        def run(request: Request, host: Host, _: Events) -> tuple[Built, ...]:
            asked.append((request, host))
            prefix = forge.write_folder(request.output / "linux-x86_64", manifest())
            change(prefix)
            return (Built(targets=(), archive=request.output / "x.tar.gz", prefix=prefix),)

        monkeypatch.setattr("builder.pipeline.run.run", run)
        return asked

    return script


def test_equal_bytes_pass_and_everything_is_made_in_another_cache(
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any
) -> None:
    asked = builds(lambda _: None)
    (host.cache / "sources").mkdir(parents=True)
    found = rebuild((artifact,), (model,), (), wish(tmp_path / "again"), host, Steps())
    assert found.outcome is Outcome.PASSED
    ((request, elsewhere),) = asked
    assert elsewhere.cache == tmp_path / "again/cache"
    assert (elsewhere.cache / "sources").resolve() == (host.cache / "sources").resolve()
    assert request.output == tmp_path / "again/rebuilt"
    assert (request.abis, request.platform) == ((Abi.X86_64,), Platform.LINUX)
    assert not request.verify


def test_the_artifact_in_the_default_folder_is_left_alone(
    tmp_path: Path, model: Path, host: Host, builds: Any
) -> None:
    place = forge.write_folder(tmp_path / "dist/linux-x86_64", manifest())
    builds(flip)
    with open_artifacts(place, host.cache) as found:
        mine = replace(host, cache=tmp_path / "mine")
        check = rebuild(found, (model,), (), wish(tmp_path), mine, Steps())
    assert check.outcome is Outcome.FAILED, "it is not compared with itself"
    assert (place / forge.LIBRARY).read_bytes() == forge.CONTENT[forge.LIBRARY]


@pytest.mark.parametrize("where", ["again/rebuilt/linux-x86_64", "again", "again/cache/x"])
def test_building_into_the_artifact_is_refused(
    tmp_path: Path, model: Path, host: Host, builds: Any, where: str
) -> None:
    asked = builds(lambda _: None)
    with open_artifacts(forge.write_folder(tmp_path / where, manifest()), host.cache) as found:
        with pytest.raises(UsageError, match=r"would write to .*, and the artifact is") as caught:
            rebuild(found, (model,), (), wish(tmp_path / "again"), host, Steps())
        assert caught.value.hint
    assert not asked


def test_building_into_the_cache_is_refused(
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any
) -> None:
    asked = builds(lambda _: None)
    mine = replace(host, cache=tmp_path / "again/cache")
    with pytest.raises(UsageError, match="and your cache is"):
        rebuild((artifact,), (model,), (), wish(tmp_path / "again"), mine, Steps())
    within = wish(host.cache / "again")
    with pytest.raises(UsageError, match="and your cache is"):
        rebuild((artifact,), (model,), (), within, host, Steps())
    assert not asked


def test_the_sources_are_not_pruned_in_mid_build(
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any
) -> None:
    tree = host.cache / "sources" / f"{RELEASE}-0123456789abcdef"
    tree.mkdir(parents=True)
    os.utime(tree, (0, 0))

    def prune_meanwhile(_: Path) -> None:
        assert not prune(host.cache, max_size=-1).removed
        assert tree.is_dir()

    builds(prune_meanwhile)
    found = rebuild((artifact,), (model,), (), wish(tmp_path / "again"), host, Steps())
    assert found.outcome is Outcome.PASSED
    assert prune(host.cache, max_size=-1).removed, "afterwards it is"


def test_the_sources_are_those_of_the_cache_in_use(
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any
) -> None:
    """The folder may be of an earlier time, when another cache was used."""
    asked = builds(lambda _: None)
    for cache in (tmp_path / "first", tmp_path / "second"):
        (cache / "sources").mkdir(parents=True)
        mine = replace(host, cache=cache)
        rebuild((artifact,), (model,), (), wish(tmp_path / "again"), mine, Steps())
        assert (asked[-1][1].cache / "sources").resolve() == cache / "sources"


def test_what_was_run_to_prove_it_is_not_compared(
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any
) -> None:
    def unproven(prefix: Path) -> None:
        document = manifest()
        document["result"]["checks"] = []
        document["result"]["instruction_sets"] = [{"name": "avx2", "proof": "not run"}]
        (prefix / forge.MANIFEST).write_text(json.dumps(document))

    builds(unproven)
    found = rebuild((artifact,), (model,), (), wish(tmp_path / "again"), host, Steps())
    assert found.outcome is Outcome.PASSED


def flip(prefix: Path) -> None:
    (prefix / forge.LIBRARY).write_bytes(b"the rumtime")


def retell(prefix: Path) -> None:
    (prefix / forge.MANIFEST).write_text(json.dumps(manifest(rewrite="off")))


def lose(prefix: Path) -> None:
    (prefix / forge.PROGRAM).unlink()


def add(prefix: Path) -> None:
    (prefix / "lib/more.so").write_bytes(b"more")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flip, "lib/libbuild_runtime.so: has other bytes when it is built again"),
        (retell, "share/build_runtime/manifest.json: tells otherwise when it is built again"),
        (lose, "bin/build-runtime-run: is not built any more"),
        (add, "lib/more.so: was not built before"),
    ],
)
def test_whatever_differs_fails_the_check(  # noqa: PLR0917  fixtures
    artifact: Artifact, model: Path, host: Host, tmp_path: Path, builds: Any,
    change: Change, reason: str,
) -> None:  # fmt: skip
    builds(change)
    found = rebuild((artifact,), (model,), (), wish(tmp_path / "again"), host, Steps())
    assert (found.outcome, found.reasons) == (Outcome.FAILED, (reason,))


def test_a_folder_of_its_own_is_removed(
    artifact: Artifact, model: Path, host: Host, builds: Any
) -> None:
    asked = builds(lambda _: None)
    nowhere = replace(wish(Path()), folder=None)
    assert rebuild((artifact,), (model,), (), nowhere, host, Steps()).outcome is Outcome.PASSED
    assert not asked[0][1].cache.exists()


def test_other_models_are_refused_before_anything_is_built(
    artifact: Artifact, model: Path, tmp_path: Path
) -> None:
    refuse_other_models(artifact, (model,), ())
    other = tmp_path / "other.pt"
    shutil.copy(model, other)
    model.write_bytes(b"trained once more")
    with pytest.raises(UsageError) as caught:
        refuse_other_models(artifact, (model, other), ())
    assert caught.value.message.endswith(
        f"was made of: {model} is not the file that net was made of; other is not in it"
    )
    with pytest.raises(UsageError, match="net is not given"):
        refuse_other_models(artifact, (other,), ())


def test_the_operators_of_a_list_need_the_list(artifact: Artifact, model: Path) -> None:
    wanted = replace(artifact, wanted_by=frozenset({"net", "extra"}))
    with pytest.raises(UsageError, match="no list is given with the operators of extra"):
        refuse_other_models(wanted, (model,), ())
    refuse_other_models(wanted, (model,), (Path("extra.yaml"),))


def test_the_settings_are_those_of_the_artifact(artifact: Artifact, tmp_path: Path) -> None:
    mine = wish(tmp_path, rewrite=Rewrite.OFF, ndk="r26")
    request = request_again(artifact, (), (), mine, tmp_path)
    assert request.rewrite is Rewrite.AUTO
    assert request.dtypes == frozenset({"Float", "Long"}), "not the default ones"
    assert request.ndk == "r26", "where tools are is the user's"
    usual = replace(artifact, kernel_dtypes=frozenset({"Bool", "Byte", "Float", "Int", "Long"}))
    assert request_again(usual, (), (), mine, tmp_path).dtypes in {None, usual.kernel_dtypes}
