"""The trace stage: what a model really executes in desktop torch on given inputs."""

from builder.trace.reconcile import Execution, State, reconcile
from builder.trace.running import trace_model
from builder.trace.values import Trace

__all__ = ["Execution", "State", "Trace", "reconcile", "trace_model"]
