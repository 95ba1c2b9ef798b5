"""Android's NDK as a toolchain: found, judged, and driven by its own toolchain file."""
