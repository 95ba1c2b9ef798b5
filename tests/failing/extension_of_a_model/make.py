from pathlib import Path

from tests.unit.models import forge

CODE = b"""\
class Net(Module):
  def forward(self: __torch__.Net,
    boxes: Tensor,
    scores: Tensor) -> Tensor:
    kept = ops.torchvision.nms(boxes, scores, 0.5)
    return ops.shop.discount(torch.index(boxes, [kept]))
"""


def make(here: Path) -> None:
    texts = ("", "        kept = nms(boxes, scores, 0.5)\n", "/home/me/net.py")
    places = ("FORMAT_WITH_STRING_TABLE", texts, ((0, (([1], 2, 12), 8, 38), 1),))
    records = {
        **forge.torchscript(),
        "code/__torch__.py": CODE,
        "code/__torch__.py.debug_pkl": forge.pickled(places),
    }
    forge.write(here / "net.pt", records)
