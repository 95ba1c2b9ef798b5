"""Run the source's torchgen with a static dispatch that is right for several backends.

A script of its own: `python static_dispatch.py ARGUMENTS OF torchgen.gen`, with the source tree on
PYTHONPATH. Of an operator that has a kernel for one backend, torchgen (PyTorch 2.6, static_dispatch
in torchgen/gen.py) calls that kernel whatever the tensors are, even where a composite kernel serves
all others: `unsqueeze` of a float tensor would run the kernel for quantized ones.
"""

import sys
from typing import Any, Final

import torchgen.gen as torchgen
from torchgen.model import Argument, SelfArgument

_ORIGINAL: Final = torchgen.static_dispatch


def static_dispatch(sig: Any, f: Any, backend_indices: Any) -> str:  # noqa: ANN401  torchgen's own
    """Return the body of an operator's `call`: the backend of its tensors decides."""
    keys = [index for index in backend_indices if index.has_kernel(f)]
    special = [index for index in keys if str(index.dispatch_key) != "CPU"]
    composite = f.has_composite_kernel or f.has_composite_explicit_autograd_non_functional_kernel
    tensors = [
        it.name
        for it in sig.arguments()
        if isinstance(it.argument, SelfArgument)
        or (isinstance(it.argument, Argument) and it.argument.type.is_tensor_like())
    ]
    # a structured operator has a CPU kernel through its delegate
    if len(keys) != 1 or keys != special or f.structured_delegate or not composite or not tensors:
        body: str = _ORIGINAL(sig, f, backend_indices)
        return body
    call = torchgen.generate_static_dispatch_backend_call(sig, f, keys[0])
    otherwise = torchgen.generate_static_dispatch_fallback_call(sig, f, backend_indices)
    return f"""
    DispatchKeySet _dk_set = c10::detail::multi_dispatch_key_set({", ".join(tensors)});
    if (c10::highestPriorityBackendTypeId(_dk_set) == DispatchKey::{keys[0].dispatch_key}) {{
      {call}
    }}
    {otherwise}
    """


if __name__ == "__main__":
    torchgen.static_dispatch = static_dispatch
    sys.argv[0] = "torchgen"
    torchgen.main()
