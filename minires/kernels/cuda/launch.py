"""Compiling and launching the CUDA kernels in `source`, and the order of memory that they write.

Images come in any order of memory and leave in (C, H, W, N); lines are contiguous matrices (C, H*W*N), see
`as_lines`.
"""

import functools
import re

import numpy as np

from minires.backend import array_module
from minires.kernels.cuda.source import SOURCE, THREADS

LARGEST_GRID_Y = 65535  # CUDA's limit; kernels loop over the rest


@functools.cache
def parameter_types(name):
    """Return the C types of a kernel's parameters, as written in the source: "real", "const real*", ..."""
    listed = re.search(rf"__global__ void {name}\((.*?)\)\s*{{", SOURCE, re.DOTALL)[1]
    return tuple(re.sub(r"\s*\w+$", "", part.strip()) for part in listed.split(","))


@functools.cache
def compiled(xp, name, real, mark):
    """Return the kernel of that name of module xp for the C types real and mark."""
    return xp.RawKernel(text(real, mark), name)


def text(real, mark="unsigned char"):
    """Return the CUDA source for the C types real (float, double) and mark (unsigned char, int)."""
    return f"typedef {real} real;\ntypedef {mark} mark;\n{SOURCE}"


def launch(name, like, grid, *arguments, mark="unsigned char"):
    """Run a kernel on a grid (blocks, blocks) for the dtype of the array `like`.

    arguments: arrays and numbers in the order of the source; numbers get the type that it declares.
    """
    numbers = {"int": np.int32, "long long": np.int64, "real": like.dtype.type}
    given = tuple(
        numbers[kind](value) if kind in numbers else value
        for kind, value in zip(parameter_types(name), arguments, strict=True)
    )
    real = "float" if like.dtype.itemsize == 4 else "double"
    compiled(array_module(like), name, real, mark)(grid, (THREADS,), given)


def blocks(count):
    """Return how many blocks give each of count elements a thread."""
    return -(-count // THREADS)


def empty_images(like, shape):
    """Return an uninitialised (N, C, H, W) array of like's dtype, in memory (C, H, W, N)."""
    n, c, h, w = shape
    return array_module(like).empty((c, h, w, n), like.dtype).transpose(3, 0, 1, 2)


def as_lines(x):
    """Return x (N, C, H, W) or (N, C) as a contiguous matrix (C, H*W*N): a view if its memory is so ordered.

    So y = weight @ columns of a convolution lies as it came out of the product, and each channel is one line.
    """
    order = (1, 0) if x.ndim == 2 else (1, 2, 3, 0)
    return array_module(x).ascontiguousarray(x.transpose(order)).reshape(x.shape[1], -1)


def from_lines(lines, shape):
    """Return lines (C, H*W*N) as the (N, C, H, W) or (N, C) array of that shape, without a copy."""
    if len(shape) == 2:
        return lines.T
    n, c, h, w = shape
    return lines.reshape(c, h, w, n).transpose(3, 0, 1, 2)


def geometry(n, windows):
    """Return the numbers by which a kernel knows n images and their windows."""
    return (
        n,
        *windows.size,
        *windows.out_size,
        *windows.kernel,
        *windows.stride,
        *windows.padding,
        *windows.dilation,
    )


def element_strides(x):
    """Return the strides of x counted in elements."""
    return tuple(stride // x.itemsize for stride in x.strides)


def images_grid(elements, rows):
    """Return the grid that gives each of `elements` a thread, in each of `rows`."""
    return blocks(elements), min(rows, LARGEST_GRID_Y)
