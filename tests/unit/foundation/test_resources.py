from builder.foundation import resources


def test_a_checkout_keeps_the_shipped_files_at_its_top_level() -> None:
    root = resources.DATA.parents[1]
    assert root / "templates" == resources.TEMPLATES
    assert root / "cmake" == resources.CMAKE
    assert root / "native" == resources.NATIVE


def test_the_paths_are_absolute() -> None:
    # CMake is run in other directories.
    for path in (resources.TEMPLATES, resources.CMAKE, resources.NATIVE, resources.DATA):
        assert path.is_absolute()
