from pathlib import Path

import pytest

from builder.foundation.configuration import Setting, Table, read_table, resolve
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Budget, Limit, Metric
from tests.docs.pages import block


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "pyproject.toml"


def table(project: Path, text: str) -> dict[str, str]:
    project.write_text(text, encoding="utf-8")
    return dict(read_table(project.parent).values)


def test_an_empty_flag_is_a_choice_too() -> None:
    found = resolve({"source": ""}, {"BUILD_RUNTIME_SOURCE": "/x"}, Table())
    assert found.origins["source"] == Setting("", "--source", "--source")
    assert found.settings.source.directory is None


@pytest.mark.parametrize(
    ("flags", "env", "place"),
    [
        ({"jobs": "many"}, {}, "--jobs"),
        ({}, {"BUILD_RUNTIME_JOBS": "many"}, "$BUILD_RUNTIME_JOBS"),
        ({}, {}, "/x/pyproject.toml, [tool.build-runtime]: jobs"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    flags: dict[str, str], env: dict[str, str], place: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(flags, env, Table(Path("/x/pyproject.toml"), {"jobs": "many"}))
    assert caught.value.message == f"{place}: must be a number from 1 to 9999, not 'many'"


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        resolve({"platform": "linuks"}, {"BUILD_RUNTIME_JOBS": "0"}, Table())
    assert caught.value.message.splitlines() == [
        "2 settings are wrong",
        "    --platform: unknown platform 'linuks' (did you mean linux?)",
        "    $BUILD_RUNTIME_JOBS: must be a number from 1 to 9999, not '0'",
    ]
    assert caught.value.hint.startswith("platform: use one of auto, android, linux\n")


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "+3", "10000", "\N{ARABIC-INDIC DIGIT FIVE}", "9" * 5000]
)
def test_a_count_is_a_small_number(text: str) -> None:
    with pytest.raises(UsageError, match="must be a number from 1 to 9999"):
        resolve({"jobs": text}, {}, Table())


@pytest.mark.parametrize("key", ["output", "source", "cache-dir"])
@pytest.mark.parametrize("text", ["~nobody-of-this-name/x", "a\0b"])
def test_what_is_no_path_is_refused(key: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"--{key}: no path"):
        resolve({key: text}, {}, Table())


def test_unknown_variables_are_named_with_the_near_ones() -> None:
    env = {"BUILD_RUNTIME_ABBI": "", "BUILD_RUNTIME_XYZZY": "1", "BUILD_RUN": "1", "PATH": "/bin"}
    with pytest.raises(UsageError) as caught:
        resolve({}, env, Table())
    assert caught.value.message == (
        "unknown environment variable $BUILD_RUNTIME_ABBI (did you mean $BUILD_RUNTIME_ABI?),"
        " $BUILD_RUNTIME_XYZZY"
    )
    assert "BUILD_RUNTIME_CACHE_DIR" in caught.value.hint


def test_the_table_is_read(project: Path) -> None:
    text = '[tool.build-runtime]\nabi = ["arm64-v8a", "x86_64"]\njobs = 2\nplatform = "linux"\n'
    assert table(project, text) == {"abi": "arm64-v8a,x86_64", "jobs": "2", "platform": "linux"}


def test_a_list_may_be_written_as_one_string(project: Path) -> None:
    text = '[tool.build-runtime]\ndtypes = "Float,Half"\n'
    assert table(project, text) == {"dtypes": "Float,Half"}


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.ruff]\n"])
def test_a_project_without_the_table_sets_nothing(project: Path, text: str) -> None:
    assert table(project, text) == {}


def test_without_a_project_nothing_is_set(tmp_path: Path) -> None:
    assert read_table(tmp_path) == Table()


def test_the_nearest_project_counts(project: Path) -> None:
    project.write_text('[tool.build-runtime]\nabi = "x86"\n', encoding="utf-8")
    inner = project.parent / "a" / "b"
    inner.mkdir(parents=True)
    assert read_table(inner) == Table(project, {"abi": "x86"})
    (project.parent / "a" / "pyproject.toml").touch()
    assert read_table(inner).values == {}


def test_paths_are_relative_to_the_file_that_names_them(project: Path) -> None:
    text = '[tool.build-runtime]\noutput = "out"\nsource = "~/torch"\ncache-dir = "/var/cache/x"\n'
    project.write_text(text, encoding="utf-8")
    inner = project.parent / "deep"
    inner.mkdir()
    assert read_table(inner).values == {
        "output": str(project.parent / "out"), "source": "~/torch", "cache-dir": "/var/cache/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.build-runtime", "cannot read {path}: "),
        (f"x = {'[' * 100_000}", "cannot read {path}: "),
        (f"x = {'9' * 5000}", "cannot read {path}: "),
        ("[tool]\nbuild-runtime = 3\n", "{path}: tool.build-runtime is not a table"),
        (
            '[tool.build-runtime]\nabbi = "x86"\noutptu = "x"\n',
            (
                "{path}, [tool.build-runtime]: unknown key 'abbi' (did you mean abi?);"
                " unknown key 'outptu' (did you mean output?)"
            ),
        ),
        (
            '[tool.build-runtime]\nabi = [1]\nplatform = ["linux"]\njobs = true\n',
            (
                "{path}, [tool.build-runtime]: abi must be a string or a list of strings;"
                " platform must be a string; jobs must be a number"
            ),
        ),
    ],
)
def test_a_wrong_table_is_explained_at_once(project: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        table(project, text)
    assert caught.value.message.startswith(message.format(path=project))
    assert caught.value.hint


def test_a_file_that_is_no_text_is_named(project: Path) -> None:
    project.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot read"):
        read_table(project.parent)


def budgets(project: Path, text: str) -> tuple[Budget, ...]:
    project.write_text(f"[tool.build-runtime.budgets]\n{text}", encoding="utf-8")
    return read_table(project.parent).budgets


def test_budgets_are_limits_by_metric_and_by_target(project: Path) -> None:
    text = """\
download = 900_000
installed = ["2MB", { limit = "2.2MB", reason = "XNNPACK" }]
[tool.build-runtime.budgets.android-arm64-v8a]
growth = "10KiB"
"""
    assert budgets(project, text) == (
        Budget(Metric.DOWNLOAD, (Limit(900_000),)),
        Budget(Metric.INSTALLED, (Limit(2_000_000), Limit(2_200_000, "XNNPACK"))),
        Budget(Metric.GROWTH, (Limit(10_240),), "android-arm64-v8a"),
    )


def test_a_limit_is_lowered_without_a_reason(project: Path) -> None:
    (found,) = budgets(project, "installed = [7, 5, 5]")
    assert found == Budget(Metric.INSTALLED, (Limit(7), Limit(5), Limit(5)))


def test_growth_may_be_forbidden(project: Path) -> None:
    (found,) = budgets(project, "growth = { limit = 0 }")
    assert found == Budget(Metric.GROWTH, (Limit(0),))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("instaled = 5", "unknown metric or target 'instaled' .did you mean installed"),
        ("linux-x86.weight = 5", "unknown metric or target 'weight'"),
        ("linux-x86 = 5", "not a table"),
        ("installed = []", "the list has no limit"),
        ("installed = [5, 6]", "a limit that is raised needs a reason"),
        ("installed = [{ limit = 7, reason = 'x' }, 5, 6]", "a limit that is raised"),
        ("installed = true", "True is no limit"),
        ("installed = { reason = 'x' }", "is no limit"),
        ("installed = { limit = 5, why = 'x' }", "is no limit"),
        ("installed = '0MB'", "a budget of 0MB allows nothing"),
        ("installed = -5", "not a size"),
    ],
)
def test_budgets_that_are_none_are_refused(project: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        budgets(project, text)
    assert "[tool.build-runtime.budgets]" in caught.value.message
    assert caught.value.hint


def test_the_budgets_that_are_documented(project: Path) -> None:
    project.write_text(block("[tool.build-runtime.budgets]").text, encoding="utf-8")
    history = (Limit(1_800_000), Limit(2_000_000, "the classifier reads audio now"))
    assert read_table(project.parent).budgets == (
        Budget(Metric.DOWNLOAD, (Limit(900_000),)),
        Budget(Metric.INSTALLED, history, "linux-arm64-v8a"),
    )
