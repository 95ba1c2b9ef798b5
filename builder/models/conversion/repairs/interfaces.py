"""Calls through a `torch.jit.interface`: which module is called is known, so its code is inlined.

A lite interpreter looks the method up in the module that it finds. Models hold no methods but those
that an app calls.
"""

from collections import Counter

from builder.models.conversion.repairs.graphs import Code, inline, known, of_kind


def call_directly(code: Code) -> Counter[str]:
    """Put the code of the modules in the place of calls through interfaces; return how often."""
    found: Counter[str] = Counter()
    for node in of_kind(code.graph, "prim::GetAttr"):
        if node.output().type().is_interface_type():
            held = known(node.output(), code.module)
            if held is not None:
                node.output().setType(held._type())  # noqa: SLF001
                found["interface calls resolved"] += len(node.output().uses())
    if found:
        inline(code.graph)  # what is called may have interfaces, too: that is for the next time
    return found


def refuse_unknown_modules(code: Code) -> None:
    """Raise `ValueError` for a call of which only the run tells the module."""
    for node in of_kind(code.graph, "prim::CallMethod"):
        called = node.inputsAt(0).type()
        if called.is_interface_type():
            message = (
                f"{code.name} calls {node.s('name')} through the interface {called.annotation_str},"
                " and only a run tells of which object; lite interpreters need to know it before"
            )
            raise ValueError(message)
