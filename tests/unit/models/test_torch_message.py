"""The cause is told first and alone, wherever torch puts it. The messages are torch's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.torch_message import (
    MAX_LINES,
    MAX_REASON,
    cause_first,
    reason,
    shortened,
)

COMPILER = """
Unknown builtin op: torchvision::nms.
Could not find any similar ops to torchvision::nms. This op may not exist or may not be currently \
supported in TorchScript.
:
  File "net.py", line 6
    return torch.ops.torchvision.nms(boxes, scores, iou)
           ~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE
Serialized   File "code/__torch__.py", line 25
  return ops.torchvision.nms(boxes, scores, iou)
         ~~~~~~~~~~~~~~~~~~~ <--- HERE
'nms' is being compiled since it was called from 'batched_nms'
"""
INTERPRETER = """\
The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__.py", line 11, in forward
    return torch.mul((sub).forward(x, ), n)
                      ~~~~~~~~~~~~ <--- HERE
class Sub(Module):
  __parameters__ = []

Traceback of TorchScript, original code (most recent call last):
  File "net.py", line 11, in forward
    return x + torch.rand(3)
           ~~~~~~~~~~~~~~~~ <--- HERE
RuntimeError: The size of tensor a (4) must match the size of tensor b (3)
"""
TRACED = """\
The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, original code (most recent call last):
/lib/torch/nn/modules/conv.py(560): _conv_forward
net.py(7): <module>
builtins.ValueError: only one: please
"""
LITE = """\
Given groups=1, expected input[1, 4, 32, 32] to have 3 channels

  Debug info for handle(s): debug_handles:{-1}, was not found.
"""
WITH_LINES = """\
Given groups=1, expected input[1, 4, 32, 32] to have 3 channels

  Module hierarchy:top(R)::<unknown>.sub(Sub)::forward.aten::add
Traceback of TorchScript (most recent call last):
  File "net.py", line 15, in <unknown>
"""
BACKENDS = """\
Could not run 'aten::x' with arguments from the 'QuantizedCPU' backend. This could be because the \
operator doesn't exist for this backend, or was omitted [CPU, Meta].

CPU: registered at RegisterCPU_1.cpp:12059 [kernel]
BackendSelect: fallthrough registered at BackendSelectFallbackKernel.cpp:3 [backend fallback]
"""
UNPICKLER = """\
Weights only load failed. This file can still be loaded, to do so you have two options.
\t(1) In PyTorch 2.6, we changed the default value of the `weights_only` argument.
\tWeightsUnpickler error: Unsupported global: GLOBAL shop.Basket was not an allowed global by \
default. Please use `torch.serialization.add_safe_globals([shop.Basket])` to allowlist it.

Check the documentation of torch.load.
"""
FRAMES = "no such thing\nException raised from parse at x.cpp:1 (most recent call first):\nframe #0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (INTERPRETER, "RuntimeError: The size of tensor a (4) must match the size of tensor b (3)"),
        (TRACED, "builtins.ValueError: only one: please"),
        (LITE, "Kind: Given groups=1, expected input[1, 4, 32, 32] to have 3 channels"),
        (WITH_LINES, "Kind: Given groups=1, expected input[1, 4, 32, 32] to have 3 channels"),
        (
            BACKENDS,
            "Kind: Could not run 'aten::x' with arguments from the 'QuantizedCPU' backend.",
        ),
        (UNPICKLER, "Kind: shop.Basket was not an allowed global by default."),
        (FRAMES, "Kind: no such thing"),
        ("", "Kind: torch gives no reason"),
        ("one\ntwo\n", "Kind: one two"),
    ],
)
def test_the_reason_is_one_line(text: str, expected: str) -> None:
    assert reason("Kind", text) == expected


def test_the_compiler_keeps_its_order() -> None:
    lines = cause_first(COMPILER)
    assert lines[0] == "Unknown builtin op: torchvision::nms."
    assert lines[-1] == "'nms' is being compiled since it was called from 'batched_nms'"
    assert reason("Kind", COMPILER).startswith("Kind: Unknown builtin op: torchvision::nms. Could")


def test_the_interpreter_tells_the_cause_before_the_calls() -> None:
    first, second, *_ = cause_first(INTERPRETER)
    assert first.startswith("RuntimeError: The size of tensor a")
    assert second.startswith("Traceback of TorchScript, serialized code")


def test_what_is_long_is_cut_at_its_end_and_says_so() -> None:
    lines = shortened(("cause", *("x" * 1000 for _ in range(MAX_LINES + 4))))
    assert lines[0] == "cause"
    assert lines[-1] == "… and 5 more lines"
    assert max(map(len, lines)) < 250
    assert shortened(("one", "two")) == ("one", "two")
    assert reason("Kind", "y" * 9999).endswith("y…")


PIECES = st.sampled_from([*COMPILER.splitlines(), *INTERPRETER.splitlines(), "", "frame #1 x"])


@given(st.lists(PIECES | st.text(max_size=60), max_size=12).map("\n".join))
def test_any_text_gives_one_short_line(text: str) -> None:
    told = reason("Kind", text)
    assert told
    assert "\n" not in told
    assert len(told) <= MAX_REASON + 1
