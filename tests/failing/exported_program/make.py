from pathlib import Path

from tests.unit.models.exported import forge


def make(here: Path) -> None:
    nodes = (
        forge.node("torch.ops.torchvision.nms.default", name="nms"),
        forge.node("torch.ops.higher_order.scan", name="scan"),
    )
    forge.write(here / "net.pt2", forge.records(forge.program(*nodes)))
