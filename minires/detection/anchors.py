"""Anchors: in every cell of a feature map the same few boxes, of several sizes and shapes."""

from collections.abc import Sequence

import numpy as np


def base_anchors(sides: Sequence[float], ratios: Sequence[float]) -> np.ndarray:
    """Return the anchors of one cell, around the point (0, 0).

    Parameters
    ----------
    sides
        Roots of the areas, in pixels.
    ratios
        Height / width. The area stays: one side is multiplied by the root of the ratio, the other divided.

    Returns
    -------
    base : float32 (A, 4)
        A = len(ratios) * len(sides); all sides of the first ratio come first.

    Raises
    ------
    ValueError
        If a side or ratio is not positive, or there is none.

    Examples
    --------
    >>> base_anchors([10, 20], [1.0, 4.0])
    array([[ -5. ,  -5. ,   5. ,   5. ],
           [-10. , -10. ,  10. ,  10. ],
           [ -2.5, -10. ,   2.5,  10. ],
           [ -5. , -20. ,   5. ,  20. ]], dtype=float32)
    """
    for name, values in (("sides", sides), ("ratios", ratios)):
        if not len(values) or not all(0 < value < np.inf for value in values):
            raise ValueError(f"{name}: expected positive numbers, got {list(values)}")
    root = np.sqrt(np.asarray(ratios, np.float64))[:, None]  # (ratios, 1)
    width, height = np.asarray(sides, np.float64) / root, np.asarray(sides, np.float64) * root
    corner = np.stack([width, height], axis=-1).reshape(-1, 2) / 2
    return np.concatenate([-corner, corner], axis=1).astype(np.float32)


def anchors(base: np.ndarray, map_size: tuple[int, int], stride: float) -> np.ndarray:
    """Return the anchors of every cell of a feature map.

    Parameters
    ----------
    base : (A, 4)
        Of one cell: `base_anchors`.
    map_size : (H, W)
    stride
        Pixels of the image for one cell of the map.

    Returns
    -------
    boxes : like base (H*W*A, 4)
        In the order y, x, anchor: so the maps (N, 4A, H, W) of a network must be transposed to
        (N, H, W, A, 4) before they are laid beside them.

    Notes
    -----
    Cell i has its centre at (i + 1/2) * stride, where the pixels that it sees have theirs. (The programs of
    the papers take the cell's corner, or the centre of its pixels minus 1/2.)

    References
    ----------
    Ren et al. 2015, "Faster R-CNN" (arXiv:1506.01497), section 3.1.1.

    Examples
    --------
    >>> anchors(base_anchors([8], [1.0]), (1, 2), 4)
    array([[-2., -2.,  6.,  6.],
           [ 2., -2., 10.,  6.]], dtype=float32)
    """
    h, w = map_size
    x, y = (np.arange(w) + 0.5) * stride, (np.arange(h) + 0.5) * stride
    centres = np.stack(np.broadcast_arrays(x[None, :], y[:, None]) * 2, axis=-1)  # (H, W, 4): x, y, x, y
    return (centres[:, :, None] + base).reshape(-1, 4).astype(base.dtype)
