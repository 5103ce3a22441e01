"""The maths: every operation as a pair of pure functions, written as a textbook would write it::

    y, cache  = F.name_forward(x, ...)
    gradients = F.name_backward(dy, cache)

The cache is a plain tuple of what backward needs: backward's first line mirrors forward's last. Nothing is
random, nothing is stored elsewhere, no argument is written into (but by `update_running_averages`,
`sgd_step` and `adam_step`, which say so), and calling backward twice gives the same result. Arrays are
NumPy's or CuPy's, float32 or float64, and what comes out has the dtype that went in. An output may share
memory with an input, so never write into what a function returned or was given.

What stands here is what is computed. Where `minires.kernels` has a faster function of the same name, that
one runs (see `dispatch`); `F.name_forward.textbook` is the function as it is written here. A kernel's cache
has the same items, but may hold x as a copy in another order of memory.
"""

from minires.functional.activation import (
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
)
from minires.functional.columns import col2im, im2col
from minires.functional.combine import (
    concat_backward,
    concat_forward,
    residual_add_backward,
    residual_add_forward,
    residual_add_predict,
)
from minires.functional.conv import conv2d_backward, conv2d_forward, conv2d_predict
from minires.functional.detection_loss import (
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    smooth_l1_backward,
    smooth_l1_forward,
)
from minires.functional.dropout import (
    dropconnect_backward,
    dropconnect_forward,
    dropout_backward,
    dropout_forward,
)
from minires.functional.gate import (
    gate_backward,
    gate_forward,
    scale_backward,
    scale_forward,
    shortcut_gate_backward,
    shortcut_gate_forward,
)
from minires.functional.linear import linear_backward, linear_forward
from minires.functional.loss import (
    pixel_cross_entropy_backward,
    pixel_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    squared_error_backward,
    squared_error_forward,
)
from minires.functional.maxout import maxout_backward, maxout_forward
from minires.functional.norm import (
    batch_norm_eval_backward,
    batch_norm_eval_forward,
    batch_norm_train_backward,
    batch_norm_train_forward,
    group_norm_backward,
    group_norm_forward,
    local_response_norm_backward,
    local_response_norm_forward,
    update_running_averages,
)
from minires.functional.pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from minires.functional.resample import resample_backward, resample_forward
from minires.functional.roi import (
    roi_align_backward,
    roi_align_forward,
    roi_pool_backward,
    roi_pool_forward,
)
from minires.functional.shape import (
    channels_backward,
    channels_forward,
    flatten_backward,
    flatten_forward,
    pad_shortcut_backward,
    pad_shortcut_forward,
)
from minires.functional.update import adam_step, sgd_step

__all__ = [
    "adam_step",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "batch_norm_eval_backward",
    "batch_norm_eval_forward",
    "batch_norm_train_backward",
    "batch_norm_train_forward",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_forward",
    "channels_backward",
    "channels_forward",
    "col2im",
    "concat_backward",
    "concat_forward",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_predict",
    "dropconnect_backward",
    "dropconnect_forward",
    "dropout_backward",
    "dropout_forward",
    "flatten_backward",
    "flatten_forward",
    "gate_backward",
    "gate_forward",
    "global_avg_pool2d_backward",
    "global_avg_pool2d_forward",
    "group_norm_backward",
    "group_norm_forward",
    "im2col",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "local_response_norm_backward",
    "local_response_norm_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "maxout_backward",
    "maxout_forward",
    "update_running_averages",
    "pad_shortcut_backward",
    "pad_shortcut_forward",
    "pixel_cross_entropy_backward",
    "pixel_cross_entropy_forward",
    "relu_backward",
    "relu_forward",
    "resample_backward",
    "resample_forward",
    "residual_add_backward",
    "residual_add_forward",
    "residual_add_predict",
    "roi_align_backward",
    "roi_align_forward",
    "roi_pool_backward",
    "roi_pool_forward",
    "scale_backward",
    "scale_forward",
    "sgd_step",
    "shortcut_gate_backward",
    "shortcut_gate_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "smooth_l1_backward",
    "smooth_l1_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "squared_error_backward",
    "squared_error_forward",
]
