"""Whole networks: all their gradients at once, along random directions."""

from functools import partial

from minires import models
from minires.catalogue.rows import LayerRow, NetworkRow
from minires.layers import Conv2d
from minires.models.fcn import fcn

Row = partial(LayerRow, elements=None)


def small_fcn(rng):
    """Its score would start at zero, and no gradient would come through."""
    net = fcn(Conv2d(3, 4, 2, stride=2, rng=rng), num_classes=2, image_shape=(3, 6, 4), rng=rng)
    net["score"].weight.data[...] = rng.standard_normal((2, 4, 1, 1))
    return net


NETWORKS = [
    Row("cifar_resnet", "", lambda rng: models.cifar_resnet(depth=8, in_channels=1, rng=rng), (2, 1, 8, 9)),
    Row("cifar_plain", "", lambda rng: models.cifar_plain(depth=8, rng=rng), (2, 3, 9, 8)),
    Row("fcn", "", small_fcn, (2, 3, 6, 4)),
    *[NetworkRow(name, partial(models.build, name), (4, 3, 12, 16)) for name in ("resnet20", "plain20")],
]
