"""What an NVIDIA GPU needs besides the generic array code: kernels that do in one launch what would take
several, and a training step that is recorded once and then replayed as a CUDA graph.

Small networks leave a GPU waiting for its host: a ResNet-20 step is a few thousand launches of a few
microseconds each. So the pairs in `minires.functional` ask `has_kernels` where a fused kernel pays (the only
place where it is decided which code runs), and the training loop replays its step (`graph`).

    source    the CUDA sources (with source_windows), compiled by CuPy when they are first used
    kernels   their thin callers
    blas      matrix products that may be captured, for CuPy refuses to capture its own
    update    the optimiser's step, and other passes over all parameters, as one launch
    graph     capture and replay

TensorFloat-32: set the environment variable CUPY_TF32=1, which CuPy itself obeys; matrix products then round
their inputs to 10 bits of mantissa (a relative error near 1e-3 instead of 1e-7) and run on the tensor cores.
Nothing here imports CuPy.

All this is an experiment, off unless the environment variable MINIRES_CUDA_KERNELS is 1: the sources compile
for GPUs and compute the right numbers where the tests emulate one, but they have never run on a real one.
"""

import os

from minires.backend import array_module


def has_kernels(array):
    """Whether array lives where CUDA kernels run (its module can compile them: CuPy can, NumPy cannot) and
    they are asked for."""
    return "RawKernel" in vars(array_module(array)) and os.environ.get("MINIRES_CUDA_KERNELS") == "1"
