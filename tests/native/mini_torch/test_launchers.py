"""Compiler launchers with real caches: sccache and ccache, on disk and in Redis."""

import itertools
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.documents import validate
from tests.e2e.real import Finished, Runtime, built
from tests.native.mini_torch.conftest import NewWorkshop
from tests.native.mini_torch.workshop import Workshop

Require = Callable[[str], Path]

PATIENCE = 20.0

GARBAGE = """\
#!/bin/sh
# answers each command that compiles with what is no object
for word; do
  test "$previous" != -o || output=$word
  previous=$word
done
test -z "$output" || echo garbage >"$output"
"""

DEAD = "#!/bin/sh\nkill -9 $$\n"


@pytest.fixture
def redis(require: Require, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a Redis server of the test's own, which keeps nothing on disk."""
    server = require("redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = (str(server), "--bind", "127.0.0.1", "--port", str(port), "--save", "")
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def home(workshop: Workshop) -> dict[str, str]:
    """Return a home without anything that launchers keep."""
    folder = workshop.folder / "home"
    folder.mkdir(exist_ok=True)
    return {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def build(workshop: Workshop, launcher: object, env: Mapping[str, str]) -> tuple[Runtime, Finished]:
    """Build what most tests build, by way of a launcher."""
    output = next(it for n in itertools.count() if not (it := workshop.folder / f"l{n}").exists())
    words = (*workshop.words(*workshop.first), "--compiler-launcher", launcher, "-o", output)
    environment = {**home(workshop), **env}
    done = workshop.tool.run(*words, "--json", cwd=workshop.folder, env=environment)
    validate("build", done.document)
    (made,) = built(done, output)
    return made, done


SHARED: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "sccache": lambda redis: {"SCCACHE_REDIS_ENDPOINT": redis},
    "ccache": lambda redis: {"CCACHE_REMOTE_STORAGE": redis},
}


@pytest.mark.parametrize("name", sorted(SHARED))
def test_a_second_machine_takes_what_the_first_compiled(
    name: str, require: Require, new_workshop: NewWorkshop, first: Runtime, redis: str
) -> None:
    launcher, env = require(name), SHARED[name](redis)
    one, two = new_workshop(), new_workshop()
    made, _ = build(one, launcher, env)
    told = made.summary["launcher"]
    assert (told["name"], told["trouble"]) == (name, "")
    assert told["statistics"]["hits"] == 0
    assert made.archive.read_bytes() == first.archive.read_bytes(), "no byte depends on it"
    again, _ = build(two, launcher, env)
    told = again.summary["launcher"]["statistics"]
    assert told["hits"] == told["requests"] > 10, told
    assert again.archive.read_bytes() == first.archive.read_bytes()
    shutil.rmtree(two.tool.cache / "builds")
    plain = two.build(*two.first)
    assert plain.summary["launcher"] is None
    assert len(two.compiled()) == len(one.compiled()), "switched off, nothing is compiled anew"


@pytest.mark.parametrize("script", [GARBAGE, DEAD], ids=["garbage", "dead"])
def test_a_build_goes_on_without_a_launcher_that_fails(
    script: str, workshop: Workshop, first: Runtime
) -> None:
    launcher = workshop.folder / "launcher"
    launcher.write_text(script)
    launcher.chmod(0o755)
    made, done = build(workshop, launcher, {})
    assert made.archive.read_bytes() == first.archive.read_bytes()
    assert made.summary["launcher"]["trouble"]
    assert "going on without launcher" in done.stderr
