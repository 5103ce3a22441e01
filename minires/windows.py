"""Where sliding windows lie: what convolution and pooling have in common.

The window of output pixel o has input pixel o*stride - padding + k*dilation at position k of the kernel: its
pixels lie side by side unless dilation draws them apart. Everything here counts pixels along one axis at a
time; a pair holds the vertical and the horizontal value.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Windows(NamedTuple):
    """The geometry of windows that slide over images of one size; each field is a pair (h, w) in pixels.

    It is made by `checks.check_windows`, which refuses what does not fit.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    size: tuple[int, int]
    out_size: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)

    def options(self) -> dict[str, tuple[int, int]]:
        """Return the keyword arguments of `im2col` and `col2im`."""
        return {
            "kernel_size": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
        }

    @property
    def reach(self) -> tuple[int, int]:
        """Pixels from the first to the last that a window has, both included: the kernel, drawn apart."""
        (kh, kw), (dilation_h, dilation_w) = self.kernel, self.dilation
        return (kh - 1) * dilation_h + 1, (kw - 1) * dilation_w + 1

    def shift(self, axis: int, position: int) -> tuple[slice, slice]:
        """Return (outputs, inputs), slices along one axis, for one position in the kernel: which windows have
        a pixel of the image there, and which pixels these are."""
        stride, offset = self.stride[axis], position * self.dilation[axis] - self.padding[axis]
        first = max(0, -(offset // stride))  # the first with first*stride + offset >= 0
        last = min(self.out_size[axis], (self.size[axis] - 1 - offset) // stride + 1)  # the last inside
        start, count = first * stride + offset, max(0, last - first)
        return slice(first, first + count), slice(start, start + count * stride, stride)

    def positions(self) -> Iterator[tuple[tuple, tuple]]:
        """Yield for each position in the kernel, row by row, two indices (outputs, pixels) for arrays whose
        last axes are (OH, OW) and (H, W): the windows, and the pixels that they have at that position."""
        for kh in range(self.kernel[0]):
            down, rows = self.shift(0, kh)
            for kw in range(self.kernel[1]):
                across, columns = self.shift(1, kw)
                yield (..., down, across), (..., rows, columns)

    def counts(self, *, padding: bool = True) -> list[list[int]]:
        """Return how many values each window covers, OH lists of OW; without dilation.

        What hangs over the padded edge in ceil mode never counts; padding: whether padded zeros do.
        """
        down, across = (self._counts_along(axis, padding) for axis in (0, 1))
        return [[h * w for w in across] for h in down]

    def _counts_along(self, axis: int, padding: bool) -> list[int]:
        kernel, stride, pad, size = (field[axis] for field in self[:4])
        first, last = (-pad, size + pad) if padding else (0, size)
        starts = [pixel * stride - pad for pixel in range(self.out_size[axis])]
        return [min(start + kernel, last) - max(start, first) for start in starts]
