"""The source stage: a pinned, checksummed LibTorch tree, by the first provider that has one."""
