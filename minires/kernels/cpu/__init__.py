"""Kernels for NumPy arrays: chunks of an array on a few threads, blocks that stay in the cache.

    parallel       the threads, and how an array is cut for them
    layout         the order of memory in which images lie
    columns, conv, conv_point, conv_shift    convolution
    norm, pool, linear, resample, roi, elementwise    the rest

Every name here is that of a function in `minires.functional`, which it must equal.
"""

from minires.kernels.cpu.conv import conv2d_backward, conv2d_forward, conv2d_predict
from minires.kernels.cpu.elementwise import (
    dropout_backward,
    dropout_forward,
    gate_backward,
    gate_forward,
    relu_backward,
    relu_forward,
    residual_add_forward,
    residual_add_predict,
    sgd_step,
    sigmoid_backward,
    sigmoid_forward,
)
from minires.kernels.cpu.linear import linear_backward, linear_forward
from minires.kernels.cpu.norm import (
    batch_norm_eval_backward,
    batch_norm_eval_forward,
    batch_norm_train_backward,
    batch_norm_train_forward,
    local_response_norm_backward,
    local_response_norm_forward,
)
from minires.kernels.cpu.pool import (
    global_avg_pool2d_backward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from minires.kernels.cpu.resample import resample_backward, resample_forward
from minires.kernels.cpu.roi import roi_align_backward, roi_align_forward, roi_pool_backward, roi_pool_forward
