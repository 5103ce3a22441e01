"""The pairs: an operation of `minires.functional` is a row here, or several."""

import numpy as np

from minires.catalogue.rows import PairRow

IMAGES = (3, 4, 7, 5)
BATCH_NORM_EVAL = {"gamma": (4,), "beta": (4,), "running_mean": (4,), "running_var": (4,)}
STATISTICS = ("running_mean", "running_var")


def _conv(variant, x, weight, **options):
    return PairRow("conv2d", variant, {"x": x, "weight": weight, "bias": weight[:1]}, options)


def _pools(pair):
    windows = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "ceil_mode": True}
    padded = {"kernel_size": (3, 2), "stride": 2, "padding": 1}
    ceil = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
    return [
        PairRow(pair, "3x2 windows, stride (2, 1), padding (1, 0), ceil mode", {"x": IMAGES}, windows),
        PairRow(pair, "3x2 windows, stride 2, padding 1", {"x": (2, 3, 7, 8)}, padded),
        PairRow(pair, "3x3 windows, stride 2, ceil mode, batch 1", {"x": (1, 3, 6, 8)}, ceil),
        PairRow(pair, "2x2 windows, stride 1", {"x": IMAGES}, {"kernel_size": 2, "stride": 1}),
    ]


PAIRS = [
    _conv("3x2 kernel, padding (1, 0)", IMAGES, (6, 4, 3, 2), padding=(1, 0)),
    _conv("3x2 kernel, stride (2, 1), padding (0, 1)", IMAGES, (6, 4, 3, 2), stride=(2, 1), padding=(0, 1)),
    _conv(
        "3x2 kernel, stride (2, 1), padding (1, 2)", (2, 3, 7, 6), (4, 3, 3, 2), stride=(2, 1), padding=(1, 2)
    ),
    _conv("3x3 kernel, padding 1, batch 1", (1, 3, 5, 6), (4, 3, 3, 3), padding=1),
    _conv("1x1", IMAGES, (6, 4, 1, 1)),
    _conv("1x1, stride 2", IMAGES, (6, 4, 1, 1), stride=2),
    _conv("3x2 kernel, stride (1, 2), two groups", IMAGES, (6, 2, 3, 2), stride=(1, 2), padding=1, groups=2),
    _conv("3x3 kernel, two groups", (2, 4, 5, 6), (6, 2, 3, 3), padding=1, groups=2),
    _conv(
        "3x2 kernel, stride (2, 1), padding (1, 2), dilation (1, 2), two groups",
        IMAGES,
        (6, 2, 3, 2),
        stride=(2, 1),
        padding=(1, 2),
        dilation=(1, 2),
        groups=2,
    ),
    _conv("3x3 kernel, padding 2, dilation (2, 3)", (2, 3, 5, 8), (4, 3, 3, 3), padding=2, dilation=(2, 3)),
    PairRow("conv2d", "no bias, batch 1", {"x": (1, 2, 4, 5), "weight": (3, 2, 1, 2)}),
    PairRow("conv2d", "no bias, padding 1", {"x": (2, 3, 4, 6), "weight": (4, 3, 3, 3)}, {"padding": 1}),
    PairRow("linear", "5 to 4", {"x": (3, 5), "weight": (4, 5), "bias": (4,)}),
    PairRow("linear", "no bias", {"x": (3, 5), "weight": (4, 5)}),
    PairRow("relu", "images", {"x": IMAGES}),
    PairRow("leaky_relu", "slope 0.2", {"x": IMAGES}, {"slope": 0.2}),
    PairRow("sigmoid", "images", {"x": IMAGES}),
    PairRow("softmax", "3x5", {"x": (3, 5)}),
    PairRow("batch_norm_train", "images", {"x": IMAGES, "gamma": (4,), "beta": (4,)}),
    PairRow("batch_norm_train", "batch 1", {"x": (1, 3, 4, 5), "gamma": (3,), "beta": (3,)}),
    PairRow("batch_norm_train", "vectors", {"x": (6, 4), "gamma": (4,), "beta": (4,)}),
    PairRow("batch_norm_eval", "images", {"x": IMAGES, **BATCH_NORM_EVAL}, fixed=STATISTICS),
    PairRow("batch_norm_eval", "vectors", {"x": (6, 4), **BATCH_NORM_EVAL}, fixed=STATISTICS),
    PairRow("group_norm", "2 groups", {"x": IMAGES, "gamma": (4,), "beta": (4,)}, {"groups": 2}),
    PairRow("group_norm", "3 groups, vectors", {"x": (2, 9), "gamma": (9,), "beta": (9,)}, {"groups": 3}),
    PairRow("group_norm", "batch 1", {"x": (1, 3, 4, 5), "gamma": (3,), "beta": (3,)}, {"groups": 1}),
    # the papers' alpha of 1e-4 would leave almost nothing of the path through the neighbours
    PairRow("local_response_norm", "size 3", {"x": IMAGES}, {"size": 3, "alpha": 0.5}),
    PairRow("local_response_norm", "size 4", {"x": (2, 7, 3, 4)}, {"size": 4, "alpha": 0.5, "k": 1.0}),
    PairRow("local_response_norm", "size 5", {"x": (2, 7, 3, 4)}, {"size": 5, "alpha": 0.5, "k": 1.0}),
    *_pools("max_pool2d"),
    PairRow(
        "max_pool2d",
        "3x2 windows, stride (2, 1), padding 1, dilation (1, 2)",
        {"x": IMAGES},
        {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1, "dilation": (1, 2)},
    ),
    *_pools("avg_pool2d"),
    PairRow(
        "avg_pool2d",
        "3x2 windows, stride (2, 1), padding 1, ceil mode, padding not counted",
        {"x": (3, 4, 8, 5)},
        {
            "kernel_size": (3, 2),
            "stride": (2, 1),
            "padding": 1,
            "ceil_mode": True,
            "count_include_pad": False,
        },
    ),
    PairRow("global_avg_pool2d", "7x5", {"x": IMAGES}),
    PairRow("dropout", "keep 0.6", {"x": IMAGES, "mask": IMAGES}, fixed=("mask",)),
    PairRow(
        "dropconnect",
        "keep 0.6",
        {"x": (3, 5), "weight": (4, 5), "bias": (4,), "mask": (3, 4, 5)},
        fixed=("mask",),
    ),
    PairRow("maxout", "3 pieces, images", {"x": (3, 6, 7, 5)}, {"pieces": 3}),
    PairRow("maxout", "2 pieces, vectors", {"x": (3, 6)}, {"pieces": 2}),
    PairRow("maxout", "3 pieces, vectors", {"x": (4, 6)}, {"pieces": 3}),
    PairRow(
        "resample",
        "7x5 to 3x6",
        {"x": IMAGES, "down": (3, 7), "across": (6, 5)},
        fixed=("down", "across"),
    ),
    PairRow("flatten", "images", {"x": IMAGES}),
    PairRow("flatten", "3 axes", {"x": (2, 3, 4)}),
    PairRow("channels", "1 to 3", {"x": IMAGES}, {"start": 1, "stop": 3}),
    PairRow("residual_add", "images", {"branch": IMAGES, "shortcut": IMAGES}),
    PairRow("concat", "4 and 2 channels", {"arrays[0]": IMAGES, "arrays[1]": (3, 2, 7, 5)}),
    PairRow(
        "concat",
        "1, 3 and 2 channels",
        {"arrays[0]": (2, 1, 4, 3), "arrays[1]": (2, 3, 4, 3), "arrays[2]": (2, 2, 4, 3)},
    ),
    PairRow("concat", "vectors", {"arrays[0]": (3, 4), "arrays[1]": (3, 1)}),
    *[
        PairRow(
            "pad_shortcut",
            placement,
            {"x": IMAGES},
            {"channels": 7, "stride": (2, 3), "placement": placement},
        )
        for placement in ("append", "split", "mean")
    ],
    PairRow("gate", "images", {"branch": IMAGES, "shortcut": IMAGES, "gate": IMAGES}),
    PairRow("shortcut_gate", "images", {"branch": IMAGES, "shortcut": IMAGES, "gate": IMAGES}),
    PairRow("scale", "-0.5", {"x": IMAGES}, {"factor": -0.5}),
    *[
        PairRow(
            "softmax_cross_entropy",
            f"label smoothing {smoothing}",
            {"logits": (5, 4)},
            {"label_smoothing": smoothing},
            labels=np.array([2, 0, 1, 3, 2]),
        )
        for smoothing in (0.0, 0.1)
    ],
    PairRow(
        "softmax_cross_entropy",
        "ignored labels, class weights, label smoothing",
        {"logits": (5, 4)},
        {"label_smoothing": 0.1, "ignore_index": -1, "class_weights": np.array([0.5, 2.0, 0.0, 1.5])},
        labels=np.array([2, -1, 1, 3, 2]),
    ),
    PairRow(
        "pixel_cross_entropy",
        "3x4",
        {"y": (2, 5, 3, 4)},
        labels=np.arange(24).reshape(2, 3, 4) % 5,
    ),
    PairRow(
        "pixel_cross_entropy",
        "ignored borders, class weights",
        {"y": (2, 3, 4, 5)},
        {"ignore_index": 255, "class_weights": np.array([0.5, 2.0, 1.5])},
        labels=np.where(np.arange(40).reshape(2, 4, 5) % 7 == 0, 255, np.arange(40).reshape(2, 4, 5) % 3),
    ),
    PairRow("squared_error", "images", {"y": IMAGES, "target": IMAGES}),
    PairRow("smooth_l1", "sigma 1", {"y": (5, 4), "target": (5, 4)}, fixed=("target",)),
    PairRow(
        "smooth_l1",
        "sigma 3, weights",
        {"y": (2, 5, 4), "target": (2, 5, 4), "weights": (2, 5)},
        {"sigma": 3.0},
        fixed=("target", "weights"),
    ),
    PairRow("binary_cross_entropy", "a mean", {"logits": (4, 3), "target": (4, 3)}, fixed=("target",)),
    PairRow(
        "binary_cross_entropy",
        "weights",
        {"logits": (7,), "target": (7,), "weights": (7,)},
        fixed=("target", "weights"),
    ),
    *[
        PairRow(pair, variant, {"x": shape, "boxes": (len(index), 4)}, options, np.array(index), ("boxes",))
        for pair in ("roi_pool", "roi_align")
        for variant, shape, index, options in (
            ("2x2 bins, 3 images", IMAGES, [2, 0, 2, 2], {"size": 2, "scale": 0.25}),
            ("3x3 bins, batch 1", (1, 2, 9, 20), [0, 0], {"size": 3, "scale": 1.0}),
        )
    ],
    PairRow(
        "roi_align",
        "3x3 bins, 1 sample",
        {"x": IMAGES, "boxes": (2, 4)},
        {"size": 3, "scale": 0.25, "samples": 1},
        np.array([1, 0]),
        ("boxes",),
    ),
]
