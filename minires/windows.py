"""Where sliding windows lie: what convolution and pooling have in common.

A window of output pixel o starts at input pixel o*stride - padding. Everything here counts pixels along
one axis at a time; a pair holds the vertical and the horizontal value.
"""

from collections import namedtuple

from minires.checks import pair


class Windows(namedtuple("Windows", "kernel stride padding size out_size")):
    """The geometry of windows that slide over images of one size; each field is a pair (h, w) in pixels."""

    def shift(self, axis, position, rows=None):
        """Return (outputs, inputs), slices along one axis, for one position in the kernel.

        rows: a slice of output pixels to stay within, whose start the returned outputs count from.
        """
        begin, end = (rows.start, rows.stop) if rows else (0, self.out_size[axis])
        stride, offset = self.stride[axis], position - self.padding[axis]
        first = max(begin, -(offset // stride))  # the first with first*stride + offset >= 0
        last = min(end, (self.size[axis] - 1 - offset) // stride + 1)  # and the last inside the image
        start, count = first * stride + offset, max(0, last - first)
        return slice(first - begin, first - begin + count), slice(start, start + count * stride, stride)


def sliding_windows(size, *, kernel_size, stride, padding, ceil_mode=False):
    """Return the Windows of a kernel sliding over images of size (H, W).

    OH = (H + 2*padding - KH) // stride + 1, and OW likewise; with ceil_mode the division rounds up, as long
    as the last window starts inside the image or its leading padding.
    Raises ValueError if a value is out of range or the kernel is larger than the padded image.
    """
    kernel = pair("kernel_size", kernel_size, least=1)
    stride = pair("stride", stride, least=1)
    padding = pair("padding", padding, least=0)
    padded = size[0] + 2 * padding[0], size[1] + 2 * padding[1]

    def count(axis):
        room = padded[axis] - kernel[axis]
        if not ceil_mode:
            return room // stride[axis] + 1
        last = -(-room // stride[axis])
        starts_inside = last * stride[axis] < size[axis] + padding[axis]
        return last + 1 if starts_inside else last

    out_size = count(0), count(1)
    if min(out_size) < 1:
        raise ValueError(
            f"the kernel {kernel[0]}x{kernel[1]} is larger than the padded image {padded[0]}x{padded[1]} "
            f"({size[0]}x{size[1]} with padding {padding[0]}, {padding[1]}); "
            "use a larger image, more padding or a smaller kernel"
        )
    return Windows(kernel, stride, padding, tuple(size), out_size)
