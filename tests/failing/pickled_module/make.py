from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    basket = forge.made("shop.nets", "Basket", {})
    forge.write(here / "net.pt", {"data.pkl": forge.pickled(basket), "version": b"3\n"})
