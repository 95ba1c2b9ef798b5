from pathlib import Path

from tests.unit.models import forge as pickles
from tests.unit.models.exported import forge


def make(here: Path) -> None:
    samples = forge.samples(pickles.called("os", "system", "touch run"))
    forge.write(here / "net.pt2", forge.records(**{"data/sample_inputs/model.pt": samples}))
