// LibTorch registers operators with unusual schemas here; this library has none.
