"""What goes into the sdist and the wheel, file by file, and that the installed wheel works."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from builder.vocabulary.targets import Abi
from tests.archives import extract
from tests.places import ROOT

SHIPPED: Final = ("templates", "cmake", "native", "java")
SDIST: Final = (
    "builder", "templates", "cmake", "native", "java", "tests", "examples", "benchmarks", "docs",
)  # fmt: skip
SDIST_FILES: Final = frozenset({
    "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "PKG-INFO",
    "SECURITY.md", ".gitignore",
})  # fmt: skip


def run(*argv: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    completed = subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def make_venv(folder: Path) -> Path:
    """Make a virtual environment and return its interpreter."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / "bin" / "python"


def files_below(*folders: str) -> set[str]:
    """Return the files of the checkout that belong to the project, relative to its root."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    names = (path.relative_to(ROOT) for path in paths)
    return {name.as_posix() for name in names if "__pycache__" not in name.parts}


def without_first(names: Iterable[str]) -> set[str]:
    return {PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix() for name in names}


def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def hatchling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an interpreter that has the build backend, installed as pip would to build us."""
    python = make_venv(tmp_path_factory.mktemp("backend") / "venv")
    run(python, "-m", "pip", "install", "--quiet", "hatchling>=1.27", cwd=ROOT)
    return python


@pytest.fixture(scope="module")
def distributions(hatchling: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and the wheel from the checkout; return the folder they are in."""
    folder = tmp_path_factory.mktemp("dist")
    run(hatchling, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(distributions: Path) -> Path:
    (path,) = distributions.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone into a new environment that borrows our dependencies."""
    python = make_venv(tmp_path_factory.mktemp("installed") / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=ROOT)
    purelib = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=ROOT
    ).strip()
    ours = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (Path(purelib) / "dependencies.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
    return python


def test_the_wheel_holds_the_package_and_the_shipped_files(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = wheel_names(wheel)
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    shipped = {f"builder/_data/{name}" for name in ("LICENSE", *files_below(*SHIPPED))}
    assert package == files_below("builder") | shipped
    assert {name.split(".dist-info/")[1] for name in names - package} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_sdist_holds_the_project(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = without_first(member.name for member in archive if member.isfile())
    assert {name for name in names if "/" in name} == files_below(*SDIST)
    assert {name for name in names if "/" not in name} == SDIST_FILES


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_checkout(
    hatchling: Path, sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        extract(archive, tmp_path)
    (unpacked,) = tmp_path.iterdir()
    run(hatchling, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=unpacked)
    (again,) = (tmp_path / "dist").glob("*.whl")
    assert again.name == wheel.name
    assert wheel_names(again) == wheel_names(wheel)


def test_the_installed_package_finds_what_it_ships(installed: Path, tmp_path: Path) -> None:
    code = (
        "from builder.foundation import resources as r\n"
        "for path in (r.TEMPLATES, r.CMAKE, r.NATIVE, r.JAVA, r.DATA):\n"
        "    print(path if any(path.iterdir()) else 'empty')\n"
        "assert r.LICENCE.is_file()\n"
    )
    paths = [Path(line) for line in run(installed, "-c", code, cwd=tmp_path).splitlines()]
    assert [path.name for path in paths] == [*SHIPPED, "data"]
    assert all(path.is_relative_to(installed.parents[1]) for path in paths)
    assert {path.parent.name for path in paths[:-1]} == {"_data"}


def test_the_installed_command_lists_the_targets(installed: Path, tmp_path: Path) -> None:
    command = installed.with_name("build-runtime")
    listed = run(command, "targets", cwd=tmp_path)
    assert all(abi in listed for abi in Abi)
