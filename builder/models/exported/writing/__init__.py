"""From a torch.export program to TorchScript; runs in a child process, where torch is."""
