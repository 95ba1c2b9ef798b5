from pathlib import Path

import pytest

from builder.foundation.fetching.programs import command, reason
from builder.foundation.fetching.progress import Unavailable
from builder.foundation.process import Host


def install(host: Host, *programs: str) -> Path:
    folder = Path(host.env["PATH"])
    folder.mkdir(exist_ok=True)
    for name in programs:
        (folder / name).touch(mode=0o755)
    return folder


def test_a_program_that_is_not_there_is_named(host: Host, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="git is not installed"):
        command(host, tmp_path, "git", "fetch")


def test_a_download_ends_with_us_where_the_kernel_can_be_asked(host: Host, tmp_path: Path) -> None:
    folder = install(host, "git")
    assert command(host, tmp_path, "git", "fetch", LANG="C").argv == (f"{folder}/git", "fetch")
    install(host, "setpriv")
    bound = command(host, tmp_path, "git", "fetch", LANG="C")
    assert bound.argv[-3:] == ("--", f"{folder}/git", "fetch")
    assert (bound.cwd, bound.env["LANG"]) == (tmp_path, "C")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "it said nothing"),
        (["progress", " the last "], "the last"),
        (["E: no  net", "noise", "E: no net", "W: slow"], "no net; slow"),
        ([f"E: {number}" for number in range(5)], "0; 1; 2"),
    ],
)
def test_the_reason_is_what_stands_behind_the_prefixes(lines: list[str], told: str) -> None:
    assert reason(lines, "E:", "W:") == told
