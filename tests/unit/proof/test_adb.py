"""A device behind a fake `adb`: what is asked of it, and what is said when it cannot."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.proof.adb import Device, find_device, is_device
from builder.proof.execution import find_executor
from builder.proof.executor import UnfitError
from builder.vocabulary.errors import ToolchainError, VerificationError
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.conftest import FakeRunner

ARM = make_target(Platform.ANDROID, Abi.ARM64_V8A, 24)
HEADER = "List of devices attached\n"


@dataclass
class FakeDevice:
    """Answers as adb does; `files` are those on the device, `broken` commands that fail."""

    header: str = HEADER
    listed: str = "emulator-5554\tdevice\n\n"
    properties: Mapping[str, str] = field(
        default_factory=lambda: {
            "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a",
            "ro.build.version.sdk": "29",
        }
    )
    answer: str = "=0\n"
    broken: Mapping[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    interrupt: BaseException | None = None

    def adb(self, command: Command) -> Completed:
        words = list(command.argv[1:])
        if words[0] == "-s":
            words = words[2:]
        if (failed := self.broken.get(words[0])) is not None:
            return Completed(1, "", failed)
        match words:
            case ["devices"]:
                return Completed(0, self.header + self.listed, "")
            case ["push", here, there]:
                self.files[there] = Path(here).read_bytes()
            case ["pull", there, here] if there in self.files:
                Path(here).write_bytes(self.files[there])
            case ["pull", there, _]:
                return Completed(1, "", f"adb: error: remote object '{there}' does not exist\n")
            case ["shell", line]:
                return self.shell(line)
            case _:
                pass
        return Completed(0, "", "")

    def shell(self, line: str) -> Completed:
        self.lines.append(line)
        if line.startswith("getprop"):
            return Completed(0, self.properties.get(line.split()[1], "") + "\n", "")
        if "rm -rf" in line:
            room = line.split("rm -rf ")[1]
            self.files = {name: it for name, it in self.files.items() if not name.startswith(room)}
        if "LD_LIBRARY_PATH" in line:
            if self.interrupt is not None:
                raise self.interrupt
            room = line.split("LD_LIBRARY_PATH=")[1].split(maxsplit=1)[0]
            self.files |= {f"{room}/out": b"told", f"{room}/err": b"warned"}
            written = [it for it in line.split() if it.endswith("2-outputs")]
            self.files |= dict.fromkeys(written, b"answers")
            return Completed(0, self.answer, "")
        return Completed(0, "", "")


@pytest.fixture
def fake(host: Host, runner: FakeRunner, tmp_path: Path) -> FakeDevice:
    del host
    path = tmp_path / "bin/adb"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)
    device = FakeDevice()
    runner.answer_with("adb", device.adb)
    return device


@pytest.fixture
def reached(fake: FakeDevice, host: Host) -> Device:
    del fake
    return find_device("adb", host).reach(ARM, host)


@pytest.mark.parametrize(
    ("runner", "yes"), [("adb", True), ("adb:X1", True), ("adb shell", False), ("/x/adb", False)]
)
def test_a_device_is_named_by_adb_alone(runner: str, *, yes: bool) -> None:
    assert is_device(runner) is yes


def test_nothing_is_started_before_a_device_is_needed(
    fake: FakeDevice, host: Host, runner: FakeRunner
) -> None:
    del fake
    found = find_executor(ARM, host, "adb:emulator-5554")
    assert isinstance(found, Device)
    assert found.how == "by adb on emulator-5554"
    assert runner.commands == []


def test_files_go_there_and_answers_come_back(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    for name in ("libx.so", "run", "model.ptl", "inputs"):
        (tmp_path / name).write_bytes(name.encode())
    outputs = tmp_path / "outputs"
    device = reached.showing(tmp_path / "libx.so")
    result = device.run(
        tmp_path / "run", tmp_path / "model.ptl", "--inputs", tmp_path / "inputs", "--outputs",
        outputs, host=host,
    )  # fmt: skip
    assert result == Completed(0, "told", "warned")
    assert outputs.read_bytes() == b"answers"
    (line,) = (it for it in fake.lines if "LD_LIBRARY_PATH" in it)
    room = PurePosixPath(line.split("LD_LIBRARY_PATH=")[1].split()[0])
    assert "env" not in line.split(), "Android 5 has no such program"
    assert room.parent == PurePosixPath("/data/local/tmp")
    assert (
        f"{room}/run {room}/0-model.ptl --inputs {room}/1-inputs --outputs {room}/2-outputs" in line
    )
    assert fake.files == {}, "nothing is left behind"


def test_a_program_that_fails_is_no_failure_of_adb(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    fake.answer = "=139\r\n"
    (tmp_path / "run").touch()
    assert reached.run(tmp_path / "run", host=host).status == 139


def test_old_devices_tell_their_abi_otherwise(fake: FakeDevice, host: Host) -> None:
    fake.properties = {"ro.product.cpu.abi": "arm64-v8a", "ro.build.version.sdk": "24"}
    assert find_device("adb", host).reach(ARM, host).serial == "emulator-5554"


def test_of_several_devices_the_named_one_is_used(fake: FakeDevice, host: Host) -> None:
    fake.listed = "A1\toffline\nB2\tdevice\n"
    assert find_device("adb:B2", host).reach(ARM, host).serial == "B2"
    chosen = Host({**host.env, "ANDROID_SERIAL": "B2"}, host.runner, host.cache, host.jobs)
    assert find_device("adb", chosen).reach(ARM, chosen).serial == "B2"


def test_a_server_that_starts_is_no_device(fake: FakeDevice, host: Host) -> None:
    fake.header = (
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n" + HEADER
    )
    assert find_device("adb", host).reach(ARM, host).serial == "emulator-5554"


@pytest.mark.parametrize(
    ("named", "listed", "message"),
    [
        ("adb", "\n", "no device is attached: `adb devices` lists none"),
        ("adb:X", "\n", "no device X is attached"),
        ("adb:X", "A1\tdevice\n", "no device X is attached; there is A1 (device)"),
        ("adb", "A1\tdevice\nB2\toffline\n", "2 devices are attached: A1 (device), B2 (offline)"),
        ("adb", "A1\toffline\n", "device A1 is offline: unplug it, and plug it in again"),
        (
            "adb",
            "A1\tunauthorized\n",
            "device A1 does not trust this machine yet: allow USB debugging on its screen",
        ),
        (
            "adb",
            "A1\tno permissions (user in plugdev group; are your udev rules wrong?)\n",
            "device A1 may not be used by this user: udev rules for it are missing",
        ),
        ("adb", "A1\trecovery\n", "device A1 is not ready: recovery"),
    ],
)
def test_a_device_that_cannot_be_used_is_named(
    fake: FakeDevice, host: Host, named: str, listed: str, message: str
) -> None:
    fake.listed = listed
    with pytest.raises(ToolchainError) as caught:
        find_device(named, host).reach(ARM, host)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            {"ro.product.cpu.abilist": "x86_64,x86", "ro.build.version.sdk": "29"},
            "device emulator-5554 runs x86_64,x86, not arm64-v8a",
        ),
        (
            {"ro.product.cpu.abilist": "arm64-v8a", "ro.build.version.sdk": "23"},
            "device emulator-5554 has API level 23, android24-arm64-v8a needs 24",
        ),
        ({}, "device emulator-5554 runs no known ABI, not arm64-v8a"),
    ],
)
def test_a_device_of_another_kind_is_refused(
    fake: FakeDevice, host: Host, properties: Mapping[str, str], message: str
) -> None:
    fake.properties = properties
    with pytest.raises(ToolchainError) as caught:
        find_device("adb", host).reach(ARM, host)
    assert caught.value.message == message


def test_a_device_runs_programs_of_android_alone(fake: FakeDevice, host: Host) -> None:
    del fake
    with pytest.raises(UnfitError) as caught:
        find_device("adb", host).reach(make_target(Platform.LINUX, Abi.ARM64_V8A), host)
    assert caught.value.message == "device emulator-5554 runs android, not linux-arm64-v8a"


def test_a_full_device_is_told_in_its_own_words(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    text = "adb: error: failed to copy 'run' to '/data/local/tmp/x/run': No space left on device\n"
    fake.broken = {"push": text}
    (tmp_path / "run").touch()
    with pytest.raises(VerificationError, match="No space left on device") as caught:
        reached.run(tmp_path / "run", host=host)
    assert caught.value.message.startswith("adb push failed on emulator-5554: failed to copy")
    assert "rm -rf /data/local/tmp/build-runtime-" in fake.lines[-1]


def test_a_device_that_goes_away_is_told(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    fake.answer = ""
    (tmp_path / "run").touch()
    with pytest.raises(VerificationError, match="adb shell failed on emulator-5554: no answer"):
        reached.run(tmp_path / "run", host=host)


def test_a_program_is_ended_before_its_folder_is_removed(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    fake.interrupt = KeyboardInterrupt()
    (tmp_path / "run").touch()
    with pytest.raises(KeyboardInterrupt):
        reached.run(tmp_path / "run", host=host)
    started, ended = fake.lines[-2:]
    room = started.split("LD_LIBRARY_PATH=")[1].split()[0]
    assert f"""sh -c 'echo $$ >"$0"; exec "$@"' {room}/pid {room}/run >{room}/out""" in started
    assert started.endswith(f"rm -f {room}/pid; echo =$code"), "else another has its number"
    assert ended == f"test ! -f {room}/pid || kill -9 $(cat {room}/pid); rm -rf {room}"


@pytest.mark.parametrize("answer", ["=0\n", "=1\n"])
def test_a_device_that_goes_away_before_its_answers_are_read_is_told(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path, answer: str
) -> None:
    fake.answer = answer
    fake.broken = {"pull": "adb: error: device 'emulator-5554' not found\n"}
    (tmp_path / "run").touch()
    with pytest.raises(VerificationError) as caught:
        reached.run(tmp_path / "run", host=host)
    assert caught.value.message == (
        "adb pull failed on emulator-5554: device 'emulator-5554' not found"
    )


def test_a_program_that_fails_may_leave_no_answers(
    fake: FakeDevice, reached: Device, host: Host, tmp_path: Path
) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(VerificationError, match=r"adb pull failed .* does not exist"):
        reached.run(tmp_path / "run", tmp_path / "nothing", host=host)
    fake.answer = "=1\n"
    result = reached.run(tmp_path / "run", tmp_path / "nothing", host=host)
    assert result == Completed(1, "told", "warned")


def test_without_adb_the_hint_says_how_to_get_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ToolchainError, match="adb was not found") as caught:
        find_device("adb", host)
    assert "apt install adb" in caught.value.hint


def test_adb_that_does_not_work_is_told(fake: FakeDevice, host: Host) -> None:
    fake.broken = {"devices": "* daemon not running\nerror: cannot connect to daemon\n"}
    with pytest.raises(ToolchainError, match="adb devices failed: cannot connect to daemon"):
        find_device("adb", host).reach(ARM, host)
