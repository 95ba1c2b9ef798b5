"""Print how fast a frame of a camera becomes a tensor, beside a plain loop of Java.

    python benchmarks/vision.py

A frame of 640 x 480 pixels of NV21 becomes a tensor of 224 x 224, on a JVM on this machine. Both
take turns, so other work on the machine matters less. It needs a JDK, CMake and a C++ compiler.
"""

import shutil
import tempfile
from pathlib import Path

from tests.native.vision.machine import Machine, build_library, compile_classes, compile_sources

PROGRAM = Path(__file__).parent / "vision" / "FrameTimes.java"


def main() -> None:
    """Compile both, run them, and print a table."""
    java, javac, cmake = (Path(shutil.which(it) or it) for it in ("java", "javac", "cmake"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        classes = compile_classes(javac, folder)
        path = ":".join(map(str, classes))
        compile_sources(javac, [PROGRAM], folder / "program", "-cp", path)
        library = build_library(cmake, folder / "build")
        machine = Machine(java, (folder / "program", *classes), library, checked=False)
        told = machine.run("org.pytorch.torchvision.FrameTimes")
    print("| turned | memory format | plain loop, us | ours, us | times faster |")
    print("|---|---|---|---|---|")
    for line in told.splitlines():
        degrees, order, plain, ours = line.split()
        print(f"| {degrees}° | {order} | {plain} | {ours} | {float(plain) / float(ours):.1f} |")


if __name__ == "__main__":
    main()
