import io
import random
import tarfile
from pathlib import Path


def make(here: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("share/build_runtime/size-report.json")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(random.Random(1).randbytes(member.size)))
    data = stream.getvalue()
    (here / "net.tar.gz").write_bytes(data[:50_000] + bytes(100) + data[50_100:])
