from pathlib import Path

import pytest

from builder.foundation.settings import DEFAULTS, Setting, read_table, resolve
from builder.vocabulary.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "pyproject.toml"


def table(project: Path, text: str) -> dict[str, str]:
    project.write_text(text, encoding="utf-8")
    return dict(read_table(project.parent))


def test_flags_win_over_the_environment_the_file_and_the_defaults() -> None:
    env = {"BUILD_RUNTIME_ABI": "x86", "BUILD_RUNTIME_CACHE_DIR": "/env", "BUILD_RUNTIME_JOBS": ""}
    settings = resolve(
        {"abi": "arm64-v8a", "platform": None},
        env,
        {"abi": "x86_64", "cache-dir": "/file", "jobs": "3", "platform": "linux"},
    )
    assert settings == {
        "abi": Setting("arm64-v8a", "--abi"),
        "cache-dir": Setting("/env", "$BUILD_RUNTIME_CACHE_DIR"),
        "jobs": Setting("3", "pyproject.toml"),
        "platform": Setting("linux", "pyproject.toml"),
        "output": Setting("dist", "default"),
        "source": Setting("", "default"),
        "source-provider": Setting("auto", "default"),
        "dtypes": Setting("", "default"),
    }


def test_an_empty_flag_is_a_choice_too() -> None:
    assert resolve({"source": ""}, {"BUILD_RUNTIME_SOURCE": "/x"}, {})["source"] == Setting(
        "", "--source"
    )


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_can_come_from_everywhere(name: str) -> None:
    variable = "BUILD_RUNTIME_" + name.upper().replace("-", "_")
    assert resolve({name: "v"}, {}, {})[name].value == "v"
    assert resolve({}, {variable: "v"}, {})[name].value == "v"
    assert resolve({}, {}, {name: "v"})[name].value == "v"
    assert resolve({}, {}, {})[name].value == DEFAULTS[name]


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
    assert read_table(tmp_path) == {}


def test_the_nearest_project_counts(project: Path) -> None:
    project.write_text('[tool.build-runtime]\nabi = "x86"\n', encoding="utf-8")
    inner = project.parent / "a" / "b"
    inner.mkdir(parents=True)
    assert read_table(inner) == {"abi": "x86"}
    (project.parent / "a" / "pyproject.toml").touch()
    assert read_table(inner) == {}


def test_paths_are_relative_to_the_file_that_names_them(project: Path) -> None:
    text = '[tool.build-runtime]\noutput = "out"\nsource = "~/torch"\ncache-dir = "/var/cache/x"\n'
    project.write_text(text, encoding="utf-8")
    inner = project.parent / "deep"
    inner.mkdir()
    assert read_table(inner) == {
        "output": str(project.parent / "out"), "source": "~/torch", "cache-dir": "/var/cache/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.build-runtime", "cannot read {path}: "),
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
