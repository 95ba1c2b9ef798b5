from collections.abc import Callable
from pathlib import Path

import pytest

from builder.foundation.fetching.progress import NoProgress, Unavailable
from builder.foundation.process import Command, Completed, Host
from builder.source import opening
from builder.source.debian import open_debian
from builder.source.opening import open_source, will_fetch
from builder.source.request import SourceRequest
from builder.vocabulary.errors import SourceError
from builder.vocabulary.providers import SourceProvider
from tests.conftest import FakeRunner
from tests.unit.source.small import (
    Recorder,
    archive_of,
    contents,
    listed,
    release,
    write,
)

PINS = release()
INDEX = "\n".join(
    f"Package: {archive.package}\nVersion: {archive.version}-1\nChecksums-Sha256:\n"
    f" {archive.sha256} {archive.size} {archive.file}\n {'0' * 64} 1 x.dsc\n"
    for pin in PINS.components
    for archive in pin.archives
)


@pytest.fixture(autouse=True)
def _small_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "pins", lambda _version: PINS)


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., None]:
    """Put programs on PATH; what they do is up to the fake runner."""

    def put(*names: str) -> None:
        for name in names:
            program = tmp_path / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.touch(mode=0o755)

    return put


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    write(tmp_path / "etc", {"sources.list": "deb http://mirror.example/debian bookworm main\n"})
    return tmp_path / "etc"


def _apt(runner: FakeRunner, held: dict[str, bytes], index: str = INDEX) -> None:
    """Let apt serve `held`, by file name, to whoever asks for a version the index has."""

    def apt_get(command: Command) -> Completed:
        if "source" not in command.argv:
            return Completed(0, "", "")
        package, _, version = command.argv[-1].partition("=")
        file = f"{package}_{version.removesuffix('-1')}.orig.tar.xz"
        if file not in held:
            return Completed(100, "", f"E: Failed to fetch http://m/{file}  404  Not Found\n")
        (command.cwd / file).write_bytes(held[file])
        return Completed(0, "dlstatus:1:50.0000:Retrieving\nFetched\n", "")

    runner.answer_with("apt-get", apt_get)
    runner.answer("apt-cache", index)


def _fetched(runner: FakeRunner) -> list[str]:
    return [command.argv[-1] for command in runner.commands if "source" in command.argv]


def test_debian_end_to_end(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    _apt(runner, contents(PINS))
    progress = Recorder()
    tree = open_debian(PINS, host, progress, offline=False, apt=etc)
    assert listed(tree.root("pytorch")) == {"version.txt", "c10/core.h"}
    assert listed(tree.root("fmt")) == {"include/fmt.h"}
    first = PINS.components[0].archives[0]
    assert progress.steps == [
        "read package lists",
        f"fetch {first.file}",
        f"fetch {PINS.components[1].archives[0].file}",
        "unpack pytorch",
        "unpack fmt",
    ]
    assert not progress.open
    assert progress.total[f"fetch {first.file}"] == first.size
    assert progress.done[f"fetch {first.file}"] == first.size // 2
    assert progress.done["unpack pytorch"] == first.size
    assert open_source(SourceRequest(), host, NoProgress()) == tree
    assert not (host.cache / "apt").exists()


def test_apt_is_configured_privately(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    _apt(runner, {})
    with pytest.raises(Unavailable):
        open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    configuration = (host.cache / "apt/apt.conf").read_text()
    assert configuration.startswith("#clear APT::Update::")
    assert f'Dir::State::lists "{host.cache}/apt/lists";' in configuration
    sources = (host.cache / "apt/sources/debian.sources").read_text()
    assert "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\n" in sources
    for command in runner.commands:
        assert command.argv[1:3] == ("-c", str(host.cache / "apt/apt.conf"))
        assert command.cwd.is_relative_to(host.cache)


def test_an_alternative_stands_in_for_what_the_mirror_lacks(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    held = contents(PINS)
    del held["fmtlib_1.0.orig.tar.xz"]
    _apt(runner, held)
    tree = open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    assert "new.h" in listed(tree.root("fmt"))
    assert _fetched(runner)[1:] == ["fmtlib=1.0-1", "fmtlib=0.9-1"]


def test_all_missing_files_are_named_and_what_was_fetched_is_kept(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    held = {"pytorch_1.0.orig.tar.xz": contents(PINS)["pytorch_1.0.orig.tar.xz"]}
    _apt(runner, held, INDEX.replace("fmtlib_0.9", "fmtlib_0.8"))
    with pytest.raises(Unavailable) as caught:
        open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    assert "fmtlib_1.0.orig.tar.xz: http://m/fmtlib_1.0.orig.tar.xz 404 Not Found" in str(
        caught.value
    )
    assert "fmtlib_0.9.orig.tar.xz: no longer in the archive" in str(caught.value)

    runner.commands.clear()
    _apt(runner, contents(PINS))
    open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    assert _fetched(runner) == ["fmtlib=1.0-1"]


def test_a_bad_download_stops_everything_and_is_not_kept(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    _apt(runner, contents(PINS) | {"pytorch_1.0.orig.tar.xz": b"evil"})
    with pytest.raises(SourceError, match=r"wrong checksum for pytorch_1\.0") as caught:
        open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    assert archive_of("x", b"evil").sha256 in caught.value.message
    assert not list(host.cache.rglob("*.tar.xz*"))
    assert not list((host.cache / "sources").glob("2.6.0-*"))


def test_an_index_that_promises_other_content_is_not_followed(
    host: Host, runner: FakeRunner, install: Callable[..., None], etc: Path
) -> None:
    install("apt-get", "apt-cache")
    _apt(runner, contents(PINS), INDEX.replace(PINS.components[0].archives[0].sha256, "f" * 64))
    with pytest.raises(SourceError, match=rf"got      sha256 {'f' * 64}"):
        open_debian(PINS, host, NoProgress(), offline=False, apt=etc)
    assert not _fetched(runner)


def test_a_kept_archive_that_went_bad_is_found_before_anything_is_done(
    host: Host, runner: FakeRunner
) -> None:
    file = PINS.components[1].archives[0].file
    write(host.cache / "downloads", {file: "rotten"})
    with pytest.raises(SourceError, match=rf"wrong checksum for {file}"):
        open_debian(PINS, host, NoProgress(), offline=False)
    assert not runner.commands
    assert not (host.cache / "downloads" / file).exists()


def test_offline_uses_kept_archives_and_starts_nothing(host: Host, runner: FakeRunner) -> None:
    (host.cache / "downloads").mkdir(parents=True)
    for file, data in contents(PINS).items():
        (host.cache / "downloads" / file).write_bytes(data)
    tree = open_source(SourceRequest(offline=True), host, NoProgress())
    assert tree.provider == "debian"
    assert not runner.commands


def test_offline_with_nothing_at_hand_says_so_and_starts_nothing(
    host: Host, runner: FakeRunner, install: Callable[..., None]
) -> None:
    install("git", "apt-get", "apt-cache")
    with pytest.raises(SourceError) as caught:
        open_source(SourceRequest(offline=True), host, NoProgress())
    assert [place.partition(" ")[0] for place in caught.value.looked_in] == [
        "cache",
        "git",
        "debian",
    ]
    assert all("offline" in place for place in caught.value.looked_in[1:])
    assert not runner.commands


def test_what_would_be_fetched_is_known_before(host: Host, tmp_path: Path) -> None:
    assert will_fetch(SourceRequest(), host)
    assert will_fetch(SourceRequest(provider=SourceProvider.GIT), host)
    assert not will_fetch(SourceRequest(offline=True), host)
    assert not will_fetch(SourceRequest(provider=SourceProvider.CACHE), host)
    assert not will_fetch(SourceRequest(directory=tmp_path), host)
    (host.cache / "downloads").mkdir(parents=True)
    for file, data in contents(PINS).items():
        (host.cache / "downloads" / file).write_bytes(data)
    open_source(SourceRequest(offline=True), host, NoProgress())
    assert not will_fetch(SourceRequest(), host)


def test_every_provider_says_why_it_failed(host: Host) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceRequest(), host, NoProgress())
    assert caught.value.exit_code == 4
    assert caught.value.looked_in[1] == "git (git is not installed)"
    assert caught.value.looked_in[2].startswith("debian (")
    assert "--source DIR" in caught.value.hint


@pytest.mark.parametrize("provider", [SourceProvider.GIT, SourceProvider.DEBIAN])
def test_a_named_provider_is_the_only_one_tried(host: Host, provider: SourceProvider) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(SourceRequest(provider=provider), host, NoProgress())
    assert [place.partition(" ")[0] for place in caught.value.looked_in] == ["cache", provider]


def test_the_cache_alone_writes_nothing(host: Host) -> None:
    with pytest.raises(SourceError, match=r"no source of PyTorch 2\.6\.0"):
        open_source(SourceRequest(provider=SourceProvider.CACHE), host, NoProgress())
    assert not host.cache.exists()


def test_a_directory_is_the_only_place_looked_at(host: Host, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no PyTorch source"):
        open_source(SourceRequest(directory=tmp_path), host, NoProgress())
    assert not host.cache.exists()


def test_a_machine_without_a_debian_mirror(
    host: Host, runner: FakeRunner, install: Callable[..., None], tmp_path: Path
) -> None:
    install("apt-get", "apt-cache")
    with pytest.raises(Unavailable, match="names no mirror of the Debian archive"):
        open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "nowhere")
    assert not runner.commands


def test_the_next_mirror_is_tried(
    host: Host, runner: FakeRunner, install: Callable[..., None], tmp_path: Path
) -> None:
    write(
        tmp_path / "etc",
        {
            "sources.list": "deb http://a.example bookworm main\ndeb http://b.example sid main\n",
            "sources.list.d/x.sources": "rubbish",
        },
    )
    install("apt-get", "apt-cache")
    _apt(runner, contents(PINS))
    runner.answer_with("apt-cache", lambda _: Completed(0, INDEX if second() else "", ""))

    def second() -> bool:
        return "b.example" in (host.cache / "apt/sources/debian.sources").read_text()

    open_debian(PINS, host, NoProgress(), offline=False, apt=tmp_path / "etc")
    assert runner.programs.count("apt-cache") == 2


def test_a_cache_that_cannot_be_written_is_told_apart_from_a_bug(host: Host) -> None:
    host.cache.parent.mkdir(exist_ok=True)
    host.cache.write_text("a file")
    with pytest.raises(SourceError, match="cannot keep sources in"):
        open_source(SourceRequest(), host, NoProgress())


def test_commands_die_with_us_where_the_system_can_do_that(
    host: Host, runner: FakeRunner, install: Callable[..., None], tmp_path: Path
) -> None:
    install("git", "setpriv")
    runner.answer_with(
        "setpriv",
        lambda it: Completed(128 * ("ls-remote" in it.argv), "", "fatal: no route\n"),
    )
    with pytest.raises(SourceError, match="no source") as caught:
        open_source(SourceRequest(provider=SourceProvider.GIT), host, NoProgress())
    assert runner.commands[0].argv[:5] == (
        str(tmp_path / "bin/setpriv"), "--pdeathsig", "KILL", "--", str(tmp_path / "bin/git"),
    )  # fmt: skip
    assert caught.value.looked_in[1] == f"git ({PINS.url}: no route)"
