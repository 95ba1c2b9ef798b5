"""Archives as each release of torch laid them out, by the versions that its files name.

What changed from version to version is told by `caffe2/serialize/versions.h` of PyTorch 2.6.0, and
by the headers that releases before it shipped.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.unit.models import forge
from tests.unit.models.forge import Raw, called, encoded, name, pickled

Records = Mapping[str, bytes]

INPUT: Final = ((1.0, 2.0),)
OUTPUT: Final = ((5.0, 11.0),)
"""What each model here makes of it: the weight is that of `forge`."""

COUNTS: Final = [7, 8]
NAMES: Final = {"cat": 1}
"""What TorchScript of each version returns beside."""

NO_RAISE: Final = False
MESSAGE: Final = "said by the model"
"""What lite models raise, if their second argument tells them to."""

TAGGED: Final = 3
"""The file version from which on lists and dictionaries carry their type."""

FOLDED: Final = 6
"""The file version from which on the version is in `.data/version`."""

UNCOUNTED: Final = 5
"""The last bytecode version that does not tell how many arguments an operator is given."""

MESSAGE_ALONE: Final = 7
"""The last bytecode version whose exceptions have no class."""

LAST_APART: Final = 4
"""The last bytecode version that keeps its tensors apart from those of the code."""

SCHEMA: Final = 4
"""The first bytecode version that has schemas, and a number."""

FRACTIONS: Final = 4
"""The file version from which on dividing integers gives fractions."""


FILES: Final = tuple(range(1, 11))
"""The versions of TorchScript files."""

BYTECODES: Final = tuple(range(3, 10))
"""The versions of the bytecode of lite models in zip archives."""


LOWERED: Final = (4, 5, 6, 7)
"""The bytecode versions that torch lowers newer models to."""


def storage(version: int) -> Raw:
    """Return a reference to the storage of the weight; the first releases tell of a view, too."""
    parts: tuple[Any, ...] = ("storage", name("torch", "FloatStorage"), "0", "cpu", 4)
    return Raw(encoded((*parts, None) if version == 1 else parts) + b"Q")


def tagged(version: int, kind: str, value: Any) -> Any:
    return (
        called("torch.jit._pickle", "restore_type_tag", value, kind) if version >= TAGGED else value
    )


def module(version: int) -> bytes:
    """Return `data.pkl` of a module with a weight and two containers."""
    return forge.module(
        weight=forge.tensor(storage(version)),
        training=False,
        counts=called("torch.jit._pickle", "build_intlist", COUNTS),
        names=tagged(version, "Dict[str, int]", NAMES),
    )


FORWARD: Final = """\
  def forward(self: __torch__.Net,
    x: Tensor) -> Tuple[Tensor, List[int], Dict[str, int]]:
    _0 = torch.relu(torch.linear(x, self.weight, None))
    return (_0, self.counts, self.names)
"""

DIVIDE: Final = """\
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.div(x, 2)
"""
"""Up to file version 3 this divides integers as C does; later, the result is a fraction."""


def torchscript(version: int, forward: str = FORWARD) -> Records:
    """Return the records of a TorchScript model of a file version."""
    code = (
        "class Net(Module):\n"
        '  __parameters__ = ["weight", ]\n'
        "  weight : Tensor\n"
        "  training : bool\n"
        "  counts : List[int]\n"
        "  names : Dict[str, int]\n"
    )
    return {
        "data/0": forge.FLOATS,
        "data.pkl": module(version),
        "code/__torch__.py": ("op_version_set = 1\n" * (version == 1) + code + forward).encode(),
        "constants.pkl": pickled(()),
        **_versioned(version),
    }


def _versioned(version: int) -> Records:
    place = ".data/version" if version >= FOLDED else "version"
    return {place: f"{version}\n".encode()}


def before_pickles() -> Records:
    """Return the names of what torch 1.0 to 1.2 wrote: tensors, code, and JSON that joins them."""
    return {
        "tensors/0": forge.FLOATS,
        "code/net.py": b"op_version_set = 1\ndef forward(self, x):\n  return x\n",
        "model.json": b'{"mainModule": {}, "tensors": []}',
        "version": b"1\n",
    }


def lite(version: int, *, lowered: bool = False, schema: bool = True) -> Records:
    """Return the records of a lite model of a bytecode version, which raises when it is asked to.

    `lowered` is what torch makes of a later model: two arguments, and no counts of them before
    version 6. Up to version 4 the schema may be absent.
    """
    return {
        **torchscript(TAGGED),
        f"{_folder(version)}/0": forge.FLOATS,
        "bytecode.pkl": pickled((
            *(() if version < SCHEMA else (version,)),
            forward(version, lowered=lowered, schema=schema),
        )),
    }  # fmt: skip


def _folder(version: int) -> str:
    return "bytecode" if version <= LAST_APART else "constants"


def forward(version: int, *, lowered: bool = False, schema: bool = True) -> tuple[Any, ...]:
    """Return the one function of a lite model of a bytecode version."""
    with_class = lowered or version > MESSAGE_ALONE
    instruction = version > MESSAGE_ALONE and not lowered
    written = forge.function(
        operators=tuple(
            (operator, "") if version <= UNCOUNTED else (operator, "", count)
            for operator, count in (
                ("aten::linear", 3),
                ("aten::relu", 1),
                *(() if instruction else (("prim::RaiseException", 2 if with_class else 1),)),
            )
        ),
        instructions=(
            ("STOREN", 1, 3), ("DROPR", 1, 0), ("MOVE", 3, 0), ("JF", 5, 0), ("LOADC", 1, 0),
            ("LOADC", 2, 0) if with_class else ("JMP", 1, 0),
            ("RAISE_EXCEPTION", 0, 0) if instruction else ("OP", 2, 0), ("JMP", 1, 0),
            ("MOVE", 2, 0), ("LOADC", 0, 0), ("LOADC", 3, 0), ("OP", 0, 0), ("OP", 1, 0),
            ("RET", 0, 0),
        ),
        constants=(forge.tensor(), MESSAGE, "builtins.RuntimeError", None),
        takes=("Tensor", "bool"),
    )  # fmt: skip
    return tuple(written) if schema else tuple(written)[:2]
