"""Nested tensors in `nn.TransformerEncoder`: what is padded stays, and is masked.

With a padding mask, the encoder packs what is not padded into a nested tensor, and fills the rest
of the answer with zeros (`torch/nn/modules/transformer.py`). A runtime has no nested tensors. If
layers take the mask, and zeros are filled in after them, the answer is the same but for rounding.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from builder.models.conversion.repairs.graphs import (
    Block,
    Code,
    Graph,
    Node,
    Value,
    constant_before,
    insert_before,
    of_kind,
    replace,
)

_PACK, _UNPACK = "aten::_nested_tensor_from_mask", "aten::to_padded_tensor"


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Where an encoder packs and unpacks.

    `padding` is the mask where it packs, `place` tells which result of that block says that layers
    get none, and `mask` is that result as it is seen where it unpacks.
    """

    pack: Node
    unpack: Node
    padding: Value
    place: int
    mask: Value


def mask_instead(code: Code) -> Counter[str]:
    """Let encoders mask what they would pack; return how often."""
    encoders = tuple(_encoders(code.graph))
    for it in encoders:
        it.pack.owningBlock().returnNode().replaceInput(it.place, it.padding)
        replace(it.pack, it.pack.inputsAt(0))
        replace(it.unpack, _filled(it, code.graph))
    return Counter({"nested tensor became a masked one": len(encoders)} if encoders else {})


def _encoders(graph: Graph) -> Iterator[_Encoder]:
    """Yield what packs with what unpacks: that which follows it, as encoders do not nest."""
    unpacking = of_kind(graph, _UNPACK)
    for pack in of_kind(graph, _PACK):
        unpack = next(filter(pack.isBefore, unpacking), None)
        kept, owner = pack.inputsAt(1).node(), pack.owningBlock().owningNode()
        results = list(pack.owningBlock().outputs())
        nothing = [place for place, it in enumerate(results) if it.type().kind() == "NoneType"]
        if (
            unpack is not None
            and kept.kind() == "aten::logical_not"
            and owner is not None
            and len(nothing) == 1
        ):
            mask = _seen_from(unpack, owner.outputsAt(nothing[0]))
            if mask is not None:
                yield _Encoder(pack, unpack, kept.input(), nothing[0], mask)


def _seen_from(node: Node, value: Value) -> Value | None:
    """Return the result that a value of a nested block becomes where a node sees it; else None."""
    around = list(_blocks_around(node))
    while (block := value.node().owningBlock()) not in around:
        results = [it.unique() for it in block.outputs()]
        if value.unique() not in results:
            return None
        value = block.owningNode().outputsAt(results.index(value.unique()))
    return value


def _blocks_around(node: Node) -> Iterator[Block]:
    while node is not None:
        block = node.owningBlock()
        yield block
        node = block.owningNode()


def _filled(encoder: _Encoder, graph: Graph) -> Value:
    """Return the answer with zeros where the input was padded."""
    before, (answer, zero, *_) = encoder.unpack, encoder.unpack.inputs()
    kinds = [torch.TensorType.get()]
    place = constant_before(before, graph, -1)  # the mask lacks the last dimension, the features
    mask = insert_before(before, graph, "prim::unchecked_cast", [encoder.mask], kinds).output()
    kept = insert_before(before, graph, "aten::logical_not", [mask], kinds).output()
    padded = insert_before(before, graph, "aten::logical_not", [kept], kinds).output()
    wide = insert_before(before, graph, "aten::unsqueeze", [padded, place], kinds).output()
    return insert_before(before, graph, "aten::masked_fill", [answer, wide, zero], kinds).output()
