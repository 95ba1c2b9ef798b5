"""What code names and no runtime can have: of extensions, and of torch itself."""

from typing import Final

import pytest

from builder.libtorch.catalogue import Catalogue, OperatorEntry, make_catalogue
from builder.models.preflight.interpreter import Interpreter
from builder.models.preflight.mentioned import beyond, of_extensions, problems_of
from builder.models.reading.mentions import Mention, Named
from builder.vocabulary.operators import OperatorName, SourceLine

INTERPRETER: Final = Interpreter(
    "2.6.0", (4, 9), (1, 10), frozenset({"OP", "RET"}), frozenset({"quantized.Packed"})
)
KNOWN: Final[Catalogue] = make_catalogue(
    OperatorEntry(OperatorName.parse(it), "")
    for it in ("aten::add.Tensor", "aten::relu", "prim::device", "quantized::linear")
)
OPERATOR, CLASS, INSTRUCTION = Named.OPERATOR, Named.CLASS, Named.INSTRUCTION


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (OPERATOR, "torchvision::nms", True),
        (OPERATOR, "prepacked::conv2d_clamp_run", True),
        (OPERATOR, "mkldnn::_convolution_pointwise", False),
        (OPERATOR, "aten::of_tomorrow", False),
        (CLASS, "metal.Conv2dOpContext", True),
        (CLASS, "quantized.LinearPackedParamsBase", False),
        (INSTRUCTION, "FORK", False),
    ],
)
def test_an_extension_is_what_no_torch_has(
    kind: Named, name: str, expected: bool  # noqa: FBT001
) -> None:  # fmt: skip
    assert of_extensions(kind, name) is expected


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (OPERATOR, "aten::add", False),
        (OPERATOR, "aten::of_tomorrow", True),
        (OPERATOR, "mkldnn::_convolution_pointwise", True),
        (OPERATOR, "prim::unchecked_cast", False),  # the compiler makes an instruction of it
        (OPERATOR, "prim::mkldnn_convolution", True),
        (CLASS, "quantized.Packed", False),
        (CLASS, "quantized.Packet", True),
        (INSTRUCTION, "FORK", True),
        (INSTRUCTION, "ENTER", False),
    ],
)
def test_beyond_a_source_is_what_it_lacks(
    kind: Named, name: str, expected: bool  # noqa: FBT001
) -> None:  # fmt: skip
    assert beyond(KNOWN, INTERPRETER, ["FORK"])(kind, name) is expected


def mention(kind: Named, name: str, line: int = 0) -> Mention:
    return Mention(
        kind, name, "Net.forward", SourceLine("net.py", line, "y = f(x)") if line else None
    )


def test_each_thing_is_told_once_with_its_places_and_what_to_do() -> None:
    found = problems_of(
        "net",
        [
            mention(INSTRUCTION, "FORK"),
            mention(OPERATOR, "torchvision::nms", 3),
            mention(OPERATOR, "torchvision::nms", 7),
            mention(OPERATOR, "aten::ad"),
            mention(CLASS, "metal.Conv2dOpContext"),
            mention(OPERATOR, "prim::mkldnn_convolution"),
        ],
        KNOWN,
    )
    assert [str(it) for it in found] == [
        "aten::ad: not in this source; used by net in Net.forward",
        (
            "prim::mkldnn_convolution: not in this source: it is of oneDNN, a library for x86"
            " processors; used by net in Net.forward"
        ),
        (
            "torchvision::nms: not in this source: it is of the C++ library of torchvision;"
            " used by net in Net.forward (net.py:3: y = f(x)), Net.forward (net.py:7: y = f(x))"
        ),
        (
            "custom class metal.Conv2dOpContext: not supported: it is of the Metal backend;"
            " used by net in Net.forward"
        ),
        "instruction FORK: the lite interpreter does not run it; used by net in Net.forward",
    ]
    assert "name C++ that registers it: --ops-source FILE.cpp" in found[2].do
