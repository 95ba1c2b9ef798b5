// LibTorch registers kernels of a namespace of its own here; this library has none.
