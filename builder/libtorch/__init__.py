"""What is known about LibTorch: its operators, kernels, files, and how objects hang together."""
