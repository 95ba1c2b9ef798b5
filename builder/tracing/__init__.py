"""The trace stage: what a model really executes in desktop torch on given inputs."""

from builder.tracing.reconcile import Execution, State, reconcile
from builder.tracing.running import trace_model
from builder.tracing.values import Trace

__all__ = ["Execution", "State", "Trace", "reconcile", "trace_model"]
