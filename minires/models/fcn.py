"""Fully convolutional networks, Long, Shelhamer & Darrell 2015 (arXiv:1411.4038): a class for every pixel::

    backbone     a classifier without its head       (N, C, H/s, W/s)
    score        1x1 convolution                     (N, classes, H/s, W/s)
    upsample     bilinear, s times larger            (N, classes, H, W)

A fully-connected layer on a map is a 1x1 convolution that has lost its place: put back, it slides over images
of any size. This is the paper's single-stream net (FCN-32s with a backbone that shrinks 32 times).
"""

from minires import init
from minires.layers import Conv2d, Layer, Sequential, Upsample
from minires.models.blocks import check_choice
from minires.models.network import Network
from minires.typing import Generator, Shape


def fcn(backbone: Layer, *, num_classes: int, image_shape: Shape, rng: Generator) -> Network:
    """Return a fully convolutional network for semantic segmentation: images to the logits of every pixel.

    Parameters
    ----------
    backbone
        Layer from images to a smaller map (N, C', H/s, W/s), for example `backbone_of(net, "stage3")`; the
        result shares it.
    num_classes
    image_shape : (C, H, W)
        Of one image, from which s and C' follow; other sizes that s divides will do.

    Returns
    -------
    net
        From (N, C, H, W) to (N, num_classes, H, W). The score starts at zero: every class is as likely as any
        other (section 4.3).

    Raises
    ------
    ValueError
        If the backbone shrinks rows and columns differently or not by a whole number.

    Notes
    -----
    Differs from the paper: the interpolation is fixed and goes on at the edges, where a transposed
    convolution that starts as bilinear would fade to zero.

    Examples
    --------
    >>> from minires import models
    >>> backbone = backbone_of(models.build("resnet8", rng=rng), "stage3")
    >>> net = fcn(backbone, num_classes=21, image_shape=(3, 32, 32), rng=rng)
    >>> net.predict(np.zeros((1, 3, 64, 48), np.float32)).shape
    (1, 21, 64, 48)
    """
    _, *image_size = image_shape
    shape, _, _ = backbone.cost((1, *image_shape))
    if len(shape) != 4:
        raise ValueError(
            f"backbone: expected to get a map (N, C, H, W), got {shape}: leave out pooling and head"
        )
    factor = image_size[0] // shape[2]
    if [factor * size for size in shape[2:]] != image_size:
        raise ValueError(
            f"backbone: a map of {shape[2]}x{shape[3]} cannot be enlarged to {image_size[0]}x{image_size[1]} "
            "by one whole number; choose another image_shape or backbone"
        )
    return Network(
        backbone=backbone,
        score=Conv2d(shape[1], num_classes, 1, init=init.zero, rng=rng),
        upsample=Upsample(factor),
    )


def backbone_of(net: Sequential, last: str) -> Sequential:
    """Return the parts of a network up to and with `last`, as a Sequential that shares them."""
    check_choice("last", last, net.parts)
    names = list(net.parts)
    return Sequential(**{name: net.parts[name] for name in names[: names.index(last) + 1]})
