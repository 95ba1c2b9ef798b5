from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.pipeline import results
from builder.pipeline.request import Request
from builder.pipeline.results import is_final
from builder.source.request import SourceRequest
from builder.vocabulary.checks import OUTPUTS, RUN, Check, Outcome
from builder.vocabulary.targets import Abi, Platform, make_target

ARM = make_target(Platform.LINUX, Abi.ARM64_V8A)
UNPROVEN = (Check(name=RUN, outcome=Outcome.SKIPPED, reasons=("no qemu-aarch64 on PATH",)),)
PROVEN = (Check(name=OUTPUTS, outcome=Outcome.PASSED),)


def request(*, offline: bool = False, verify: bool = True) -> Request:
    source = SourceRequest(offline=offline)
    return Request(
        models=(Path("m.pt"),), source=source, inputs=(), verify=verify, require_run=False
    )


@pytest.mark.parametrize("fetchable", [False, True])
def test_a_run_that_may_yet_be_possible_is_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, fetchable: bool
) -> None:
    monkeypatch.setattr(results, "can_fetch", lambda *_: fetchable)
    assert is_final(UNPROVEN, request(), ARM, host) != fetchable
    assert is_final(PROVEN, request(), ARM, host)
    assert is_final(UNPROVEN, request(offline=True), ARM, host)
    assert is_final(UNPROVEN, request(verify=False), ARM, host)
