"""Kernels for NVIDIA GPUs: what does in one launch what would take several, and a training step that is
recorded once and then replayed as a CUDA graph.

Small networks leave a GPU waiting for its host: a ResNet-20 step is a few thousand launches of a few
microseconds each. Elsewhere the textbook's whole-array code runs on a GPU as it is.

    source    the CUDA sources (with source_windows), compiled by CuPy when they are first used
    launch    how they are launched, and the order of memory that they write
    columns, conv, norm, pool, activation, loss, linear, resample    the pairs
    blas      matrix products that may be captured, for CuPy refuses to capture its own
    update    the optimiser's step, and other passes over all parameters, as one launch
    graph     capture and replay

TensorFloat-32: set the environment variable CUPY_TF32=1, which CuPy itself obeys; matrix products then round
their inputs to 10 bits of mantissa (a relative error near 1e-3 instead of 1e-7) and run on the tensor cores.
Nothing here imports CuPy.

All this is an experiment, off unless the environment variable MINIRES_CUDA_KERNELS is 1: the sources compile
for GPUs and compute the right numbers where the tests emulate one, but they have never run on a real one.
"""

from minires.kernels.cuda.activation import relu_backward
from minires.kernels.cuda.columns import col2im, im2col
from minires.kernels.cuda.conv import conv2d_backward, conv2d_forward, conv2d_predict
from minires.kernels.cuda.graph import CapturedStep
from minires.kernels.cuda.linear import linear_backward, linear_forward
from minires.kernels.cuda.loss import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from minires.kernels.cuda.norm import (
    batch_norm_eval_backward,
    batch_norm_eval_forward,
    batch_norm_train_backward,
    batch_norm_train_forward,
    update_running_averages,
)
from minires.kernels.cuda.pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from minires.kernels.cuda.resample import resample_backward, resample_forward
from minires.kernels.cuda.update import AllFinite, update_of
