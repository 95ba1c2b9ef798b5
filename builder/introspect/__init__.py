"""Introspection: from a TorchScript file to the `Model` that says what it asks of a runtime."""

from builder.introspect.bytecode import BYTECODE_VERSIONS
from builder.introspect.lite import OPERATOR_VERSIONS, read_lite
from builder.introspect.torchscript import read_model

__all__ = ["BYTECODE_VERSIONS", "OPERATOR_VERSIONS", "read_lite", "read_model"]
