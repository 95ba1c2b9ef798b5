"""Each setting is defined once: what the command line, the environment and the file take."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest

from builder.commands.line.artifacts import VerifyOptions
from builder.commands.line.builds import BuildOptions, request_of
from builder.commands.line.given import Wanted
from builder.commands.line.registry import COMMANDS, NAMES, read
from builder.foundation.configuration import Setting, Table, resolve
from builder.foundation.settings import DEFINITIONS, BuildSettings, Definition, Kind, Settings
from builder.vocabulary.errors import UsageError
from builder.vocabulary.models import Rewrite
from builder.vocabulary.plan import Kernels
from builder.vocabulary.targets import Abi
from tests.unit.models import forge


@pytest.mark.parametrize("wished", Rewrite)
def test_kernels_of_pytorch_alone_run_no_packed_weights(wished: Rewrite) -> None:
    assert BuildSettings(rewrite=wished).conversion is wished
    assert BuildSettings(rewrite=wished, kernels=Kernels.ATEN).conversion is Rewrite.OFF


EACH: Final = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda it: it.key)
_SAMPLES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.LIST: ("Half", "Short"), Kind.PATH: ("/one", "/two"), Kind.PATHS: ("/one", "/two,/three"),
    Kind.COUNT: ("33", "35"), Kind.SIZE: ("5G", "7M"), Kind.TEXT: ("one", "two"),
}  # fmt: skip


OWN_OUTPUT: Final = frozenset({"lock", "report", "source bundle"})
"""Commands that have an option of their own by the name of the setting."""


def samples(definition: Definition) -> tuple[str, str]:
    """Return two right values: not the default, but for the second where there are but two."""
    if definition.key == "maven-version":
        return "1.2.0", "2.0-rc1"
    others = [it for it in definition.choices if it != definition.default]
    if others:
        return others[0], (*others, definition.default)[1]
    return _SAMPLES[definition.kind]


@EACH
def test_a_setting_is_an_option_of_its_commands_and_of_no_others(definition: Definition) -> None:
    value, _ = samples(definition)
    assert set(definition.commands) <= set(NAMES)
    for command in COMMANDS:
        words = [f"--{definition.key}={value}"]
        words += (
            ["dist"]
            if command.name in {"bench", "cache import", "report", "sbom", "verify"}
            else []
        )
        if not definition.commands or (command.settings_of or command.name) in definition.commands:
            assert read(command, words).flags == {definition.key: value}
            if definition.short:
                assert read(command, [definition.short, value]).flags == {definition.key: value}
        elif command.name not in OWN_OUTPUT or definition.key != "output":
            with pytest.raises(UsageError, match="unknown argument"):
                read(command, words)


def test_options_may_stand_between_models() -> None:
    (verify,) = (it for it in COMMANDS if it.name == "verify")
    told = read(verify, ["dist", "a.pt", "--runner", "adb", "b.pt", "-q", "c.pt"])
    assert isinstance(told.options, VerifyOptions)
    assert told.options.models.models == (Path("a.pt"), Path("b.pt"), Path("c.pt"))
    assert told.flags == {"runner": "adb"}
    dashed = read(verify, ["-q", "--", "dist", "-a.pt"])
    assert isinstance(dashed.options, VerifyOptions)
    assert dashed.options.models.models == (Path("-a.pt"),)


@EACH
def test_a_setting_is_explained_where_it_is_an_option(definition: Definition) -> None:
    for command in COMMANDS:
        if not definition.commands or (command.settings_of or command.name) in definition.commands:
            told = " ".join(command.parser().format_help().split())
            assert f"--{definition.key} {definition.metavar}" in told
            assert " ".join(definition.summary.split()) in told
            assert all(it in told for it in definition.choices)


@EACH
def test_a_flag_wins_over_the_environment_the_file_and_the_default(definition: Definition) -> None:
    key, variable = definition.key, definition.variable
    flag, other = samples(definition)
    table = Table(values={key: other})
    place = "pyproject.toml, [tool.build-runtime]: " + key
    assert resolve({key: flag}, {variable: other}, table).origins[key] == Setting(
        flag, f"--{key}", f"--{key}"
    )
    assert resolve({}, {variable: flag}, table).origins[key] == Setting(
        flag, f"${variable}", f"${variable}"
    )
    assert resolve({}, {variable: ""}, table).origins[key] == Setting(
        other, "pyproject.toml", place
    )
    assert resolve({}, {}, Table()).origins[key] == Setting(
        definition.default, "default", "default"
    )


@EACH
def test_a_setting_changes_one_value_wherever_it_is_set(definition: Definition) -> None:
    value, other = samples(definition)
    made = {
        resolve({definition.key: value}, {}, Table()).settings,
        resolve({}, {definition.variable: value}, Table()).settings,
        resolve({}, {}, Table(values={definition.key: value})).settings,
    }
    assert len(made) == 1
    made |= {Settings(), resolve({definition.key: other}, {}, Table()).settings}
    assert len(made) == len({value, other, definition.default})


@EACH
def test_every_setting_has_an_origin(definition: Definition) -> None:
    assert resolve({}, {}, Table()).origins.keys() == {it.key for it in DEFINITIONS}
    assert definition.default or definition.unset or definition.key in {"abi", "source"}


def test_a_name_is_used_once() -> None:
    assert len({it.key for it in DEFINITIONS}) == len(DEFINITIONS)
    shorts = [it.short for it in DEFINITIONS if it.short]
    assert len(set(shorts)) == len(shorts)


def test_without_any_source_the_defaults_are_used() -> None:
    assert resolve({}, {}, Table()).settings == Settings()


@pytest.mark.parametrize("name", [it.name for it in fields(BuildSettings)])
def test_every_setting_of_a_build_reaches_the_pipeline(name: str, tmp_path: Path) -> None:
    model = forge.write(tmp_path / "net.ptl", forge.lite())
    options = BuildOptions(wanted=Wanted(models=(model,)))
    mark: dict[str, Any] = {name: (object(),)}  # of no type a setting has: it is nothing else
    marked = replace(BuildSettings(abis=(Abi.X86,)), **mark)
    request = request_of(options, Settings(build=marked))
    assert getattr(request, name) is getattr(marked, name)
