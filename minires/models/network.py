"""What all models share: how a family lists its networks, and what a network says to an unfitting image."""

from collections import namedtuple

from minires.layers import Sequential
from minires.layers.trace import Blank

# A network of a family's list. build(num_classes=..., rng=..., **options) -> Network; input_shape: (C, H, W)
# and num_classes: what it was designed for.
Entry = namedtuple("Entry", "build input_shape num_classes")


class Network(Sequential):
    """A Sequential from images to logits that names the sizes it can take when an image has another."""

    def forward(self, x, *, train):
        return self._explained(self._forward, x, train=train)

    def predict(self, x):
        return self._explained(super().predict, x)

    def trace(self, x):
        return self._explained(self._trace, x)

    # what forward and trace do, without the explanation; a network with heads does more

    def _forward(self, x, *, train):
        return super().forward(x, train=train)

    def _trace(self, x):
        return super().trace(x)

    def _explained(self, method, x, **options):
        """Return method(x, **options); what it says of an unfitting size becomes `_check_size`'s error."""
        try:
            return method(x, **options)
        except ValueError:
            self._check_size(x.shape)
            raise

    def image_sizes(self, channels=3, most=512):
        """Return (least, largest) edge in pixels of the square images it can take; largest is None where any
        larger one will do. Found by trying, without computing anything. (None, None): none up to `most`."""
        least = next((size for size in range(1, most + 1) if self._takes((1, channels, size, size))), None)
        if least is None or self._takes((1, channels, 4 * most, 4 * most)):
            return least, None
        return least, next(s for s in range(least, 4 * most) if not self._takes((1, channels, s + 1, s + 1)))

    def _takes(self, shape):
        try:
            self._trace(Blank(shape))
        except ValueError:
            return False
        return True

    def _check_size(self, shape):
        """Raise ValueError if it is the images' size that does not fit; be silent if it is something else."""
        if len(shape) != 4 or self._takes((1, *shape[1:])):
            return
        least, largest = self.image_sizes(channels=shape[1])
        if least is not None:
            sizes = (
                f"at least {least}x{least}" if largest is None else f"{least}x{least} to {largest}x{largest}"
            )
            raise ValueError(f"this network takes square images of {sizes} pixels, got {shape[2]}x{shape[3]}")
