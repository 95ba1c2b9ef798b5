"""Introspection: from a TorchScript file to the `Model` that says what it asks of a runtime."""

from builder.introspect.lite import read_lite
from builder.introspect.torchscript import read_model

__all__ = ["read_lite", "read_model"]
