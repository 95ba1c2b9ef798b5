"""torch.export programs (`.pt2`): vetted without torch, then written as TorchScript in a child."""
