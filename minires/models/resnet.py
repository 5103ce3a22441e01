"""The residual networks for ImageNet and their plain twins, He et al. 2015 (arXiv:1512.03385), table 1::

    map       18            34            50, 101, 152               blocks of two or three convolutions
    112x112   7x7, 64, stride 2
    56x56     3x3 max pooling, stride 2
              2 x 64        3 x 64        3 x (64, 64, 256)
    28x28     2 x 128       4 x 128       4, 4, 8 x (128, 128, 512)
    14x14     2 x 256       6 x 256       6, 23, 36 x (256, 256, 1024)
    7x7       2 x 512       3 x 512       3 x (512, 512, 2048)
    global average pooling and a fully-connected layer

The names count the layers with weights on the way through the branches; projections are not counted.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from minires.layers import GlobalAvgPool2d, Layer, ReLU, Residual, Sequential
from minires.models import blocks
from minires.models.blocks import Block
from minires.models.network import Entry, Network
from minires.typing import Generator


def imagenet_resnet(
    *,
    depth: int,
    num_classes: int = 1000,
    in_channels: int = 3,
    width: int = 64,
    shortcut: str = "B",
    stride_in: str = "1x1",
    stem_pool: str = "padded",
    rng: Generator,
) -> Network:
    """Build the residual network for ImageNet of that depth.

    Parameters
    ----------
    depth
        18, 34 (basic blocks), 50, 101, 152 or 200 (bottlenecks).
    num_classes
        Outputs.
    in_channels
        Of the images (N, in_channels, H, W).
    width
        Channels of the stem.
    shortcut
        "A", "B" or "C", see `blocks.shortcut`.
    stride_in
        Of a bottleneck, "1x1" as in the paper or "3x3" as in fb.resnet.torch and torchvision ("v1.5"); basic
        blocks have it in their first convolution.
    stem_pool
        "padded" or "ceil", see `blocks.imagenet_stem`.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), table 1. To begin with silent branches: `surgery.zero_last_gamma`.
    """
    blocks.check_choice("shortcut", shortcut, blocks.SHORTCUTS)
    convs, counts, widths = blocks.imagenet_layout(depth, width, stride_in)

    def block(in_channels: int, channels: int, stride: int, rng: Generator) -> Layer:
        """relu(F(x) + shortcut(x)); He et al. 2015, figures 2 and 5."""
        branch = blocks.post_activation(*convs(in_channels, channels, stride, rng))
        path = blocks.shortcut(shortcut, in_channels, channels, stride, rng)
        return Residual(branch, path, after=ReLU())

    return _network(block, counts, widths, width, num_classes, in_channels, stem_pool, rng)


def imagenet_plain(
    *,
    depth: int,
    num_classes: int = 1000,
    in_channels: int = 3,
    width: int = 64,
    stem_pool: str = "padded",
    rng: Generator,
) -> Network:
    """Build the plain twin of depth 18 or 34: `imagenet_resnet` without its shortcuts."""
    blocks.check_choice("depth", depth, (18, 34))
    convs, counts, widths = blocks.imagenet_layout(depth, width, "1x1")

    def block(in_channels: int, channels: int, stride: int, rng: Generator) -> Layer:
        branch = blocks.post_activation(*convs(in_channels, channels, stride, rng))
        return Sequential(branch=branch, after=ReLU())

    return _network(block, counts, widths, width, num_classes, in_channels, stem_pool, rng)


def _network(
    block: Block,
    counts: Sequence[int],
    widths: Sequence[int],
    width: int,
    num_classes: int,
    in_channels: int,
    stem_pool: str,
    rng: Generator,
) -> Network:
    blocks.check_classes_and_channels(num_classes, in_channels)
    return Network(
        stem=blocks.imagenet_stem(in_channels, width, stem_pool, rng),
        **blocks.stages(block, counts, width, widths, rng),
        pool=GlobalAvgPool2d(),
        fc=blocks.classifier(widths[-1], num_classes, rng),
    )


def _entry(build: Callable[..., Network], **options: Any) -> Entry:
    return Entry(partial(build, **options), (3, 224, 224), 1000)


MODELS = {
    **{f"resnet{depth}": _entry(imagenet_resnet, depth=depth) for depth in (18, 34, 50, 101, 152)},
    **{
        f"resnet{depth}_v1.5": _entry(imagenet_resnet, depth=depth, stride_in="3x3")
        for depth in (50, 101, 152)
    },
    **{f"plain{depth}": _entry(imagenet_plain, depth=depth) for depth in (18, 34)},
}
