from pathlib import Path

import pytest

from builder.toolchains.recipes import kept_flags, read_recipe, write_recipe
from builder.vocabulary.plan import LinkLine


def test_what_describes_the_target_is_kept() -> None:
    words = ["-m", "elf", "-O2", "--fix-cortex-a53-843419", "-mllvm", "-float-abi=hard", "-shared"]
    assert kept_flags(words) == (
        "-m", "elf", "--fix-cortex-a53-843419", "-mllvm", "-float-abi=hard",
    )  # fmt: skip
    assert kept_flags(["--fix-cortex-a8"]) == ("--fix-cortex-a8",)


def test_a_cache_that_was_moved_has_its_libraries_still(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "zig").mkdir(parents=True)
    for path in (one / "zig/libc.a", tmp_path / "system.so"):
        path.touch()
    line = LinkLine(("-m", "elf"), (one / "zig/libc.a", tmp_path / "system.so"))
    write_recipe(one / "link.json", line, one)
    one.rename(other)
    assert read_recipe(other / "link.json", other) == LinkLine(
        line.flags, (other / "zig/libc.a", tmp_path / "system.so")
    )


def test_libraries_that_are_gone_are_no_answer(tmp_path: Path) -> None:
    write_recipe(tmp_path / "link.json", LinkLine((), (tmp_path / "libc.a",)), tmp_path)
    assert read_recipe(tmp_path / "link.json", tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", '{"flags": 1}', "[]"])
def test_a_damaged_recipe_is_no_answer(tmp_path: Path, text: str) -> None:
    (tmp_path / "link.json").write_text(text)
    assert read_recipe(tmp_path / "link.json", tmp_path) is None
