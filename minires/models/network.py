"""What all models share: how a family lists its networks, and what a network says to an unfitting image."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from minires.layers import Sequential
from minires.layers.trace import Blank, Step
from minires.typing import Array, Shape

R = TypeVar("R")


class Entry(NamedTuple):
    """A network of a family's list, and what it was designed for.

    Attributes
    ----------
    build
        Called with num_classes, rng and options, returns a Network.
    input_shape : (C, H, W)
    num_classes
    """

    build: Callable[..., Any]
    input_shape: Shape
    num_classes: int


class Network(Sequential):
    """A Sequential from images to logits that names the sizes it can take when an image has another."""

    def forward(self, x: Array, *, train: bool) -> tuple[Any, Any]:
        """Return (logits, cache); see `Layer.forward`."""
        return self._explained(self._forward, x, train=train)

    def predict(self, x: Array) -> Array:
        """Return the logits in eval mode and remember nothing."""
        return self._explained(super().predict, x)

    def trace(self, x: Blank) -> Step:
        """Return the Step that a training forward would be; see `Layer.trace`."""
        return self._explained(self._trace, x)

    # what forward and trace do, without the explanation; a network with heads does more

    def _forward(self, x: Array, *, train: bool) -> tuple[Any, Any]:
        return super().forward(x, train=train)

    def _trace(self, x: Blank) -> Step:
        return super().trace(x)

    def _explained(self, method: Callable[..., R], x: Any, **options: Any) -> R:
        """Return method(x, **options); what it says of an unfitting size becomes `_check_size`'s error."""
        try:
            return method(x, **options)
        except ValueError:
            self._check_size(x.shape)
            raise

    def image_sizes(self, channels: int = 3, most: int = 512) -> tuple[int | None, int | None]:
        """Find the square images that it can take, by trying, without computing anything.

        Parameters
        ----------
        channels
            Of the images.
        most
            The largest edge tried, in pixels.

        Returns
        -------
        least, largest
            Edges in pixels; largest is None where any larger one will do, and both are if none up to `most`
            will.
        """
        least = next((size for size in range(1, most + 1) if self._takes((1, channels, size, size))), None)
        if least is None or self._takes((1, channels, 4 * most, 4 * most)):
            return least, None
        return least, next(s for s in range(least, 4 * most) if not self._takes((1, channels, s + 1, s + 1)))

    def _takes(self, shape: Shape) -> bool:
        try:
            self._trace(Blank(shape))
        except ValueError:
            return False
        return True

    def _check_size(self, shape: Shape) -> None:
        """Raise ValueError if it is the images' size that does not fit; be silent if it is something else."""
        if len(shape) != 4 or self._takes((1, *shape[1:])):
            return
        least, largest = self.image_sizes(channels=shape[1])
        if least is not None:
            sizes = (
                f"at least {least}x{least}" if largest is None else f"{least}x{least} to {largest}x{largest}"
            )
            raise ValueError(f"this network takes square images of {sizes} pixels, got {shape[2]}x{shape[3]}")
