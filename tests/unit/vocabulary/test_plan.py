from pathlib import Path, PurePosixPath

import pytest

from builder.vocabulary.plan import Component, GeneratedFile, Goal, Isa, SourceTree


@pytest.mark.parametrize("path", ["/etc/passwd", "../escaped", "a/../../escaped"])
def test_a_generated_file_stays_in_its_tree(path: str) -> None:
    with pytest.raises(AssertionError):
        GeneratedFile(PurePosixPath(path), "")


def test_a_source_tree_knows_its_components() -> None:
    fmt = Component("fmt", "11.1.1", "0" * 64, "MIT", Path("src/fmt"))
    tree = SourceTree("2.6.0", "0" * 64, "cache", (fmt,))
    assert tree.root("fmt") == Path("src/fmt")
    with pytest.raises(KeyError):
        tree.root("onnx")


def test_a_goal_decides_what_nobody_named() -> None:
    assert [Isa.AUTO.resolved(goal) for goal in Goal] == [Isa.FEW, Isa.AVX2, Isa.AVX512]
    assert {isa.resolved(goal) for goal in Goal for isa in Isa} == set(Isa) - {Isa.AUTO}
    assert Isa.AVX2.resolved(Goal.SPEED) is Isa.AVX2
