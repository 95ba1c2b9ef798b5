"""XNNPACK's packed convolutions and linear layers, as `optimize_for_mobile` writes them."""
