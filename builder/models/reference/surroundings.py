"""Set desktop torch up as close to a runtime as it can be."""

import warnings

import torch

from builder.models.reference.inputs import SEED


def work_as_on_a_device() -> None:
    """Use one thread, QNNPACK, and none of the libraries that runtimes do not have."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    torch.backends.nnpack.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    if "qnnpack" in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = "qnnpack"
