"""From the source in a TorchScript archive to the bytecode that conversion makes of it."""
