"""What makes a model run in a lite interpreter as it runs in TorchScript: one module a repair."""
