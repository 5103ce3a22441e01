"""im2col's columns, and the gradient's way back through col2im, in numbers that can be checked by hand."""

import numpy as np

import minires.functional as F
from minires.site.moving.words import added, products, say, vector

X = np.array([[1, 2, 0, 3], [4, 1, 2, 1], [0, 3, 1, 2], [2, 0, 1, 4]], np.float64)
WEIGHT = np.array([[1, 2], [-1, 3]], np.float64)
DY = np.array([[1, 0, 2], [-1, 3, 1], [2, -2, 1]], np.float64)


def im2col() -> dict:
    """Return the numbers of a 2x2 convolution over 4x4 pixels, forward, backward and pixel by pixel."""
    image, row = X[None, None], WEIGHT.reshape(1, 4)
    y, cache = F.conv2d_forward(image, WEIGHT[None, None])
    dx, dweight, _ = F.conv2d_backward(DY[None, None], cache)
    columns = F.im2col(image, kernel_size=2)  # (4, 9)
    dcolumns = row.T @ DY.reshape(1, 9)
    # which pixel stands where in the columns: the columns of the pixels' numbers
    places = F.im2col(np.arange(16.0).reshape(1, 1, 4, 4), kernel_size=2).T
    growing = []  # dx after 0, 1, ..., 9 columns have been added back
    for count in range(10):
        first = np.where(np.arange(9) < count, dcolumns, 0)
        growing.append(F.col2im(first, image.shape, kernel_size=2).ravel())
    return {
        "drawn_by": "im2col",
        "label": "A 2×2 convolution over 4×4 pixels, as a product with im2col's columns",
        "x": X,
        "weight": WEIGHT,
        "columns": columns,
        "y": y[0, 0],
        "dy": DY,
        "dcolumns": dcolumns,
        "dx": dx[0, 0],
        "dweight": dweight[0, 0],
        "places": places,
        "growing": growing,
        "ways": {
            "forward": _forward(columns, y.ravel(), row.ravel()),
            "backward": _backward(dcolumns, growing, places),
            "pixel": _pixels(dcolumns, dx.ravel(), places),
        },
    }


def _forward(columns, y, weight) -> list[str]:
    texts = [
        "The 2×2 window fits into the 4×4 pixels of x at nine places. im2col lays each window out as a "
        "column; "
        f"the weights are laid out as the row {vector(weight)}."
    ]
    for k, column in enumerate(columns.T):
        texts.append(
            f"Window {k + 1} holds {vector(column)}, row by row: column {k + 1}. "
            f"The row of weights times it: {products(weight, column)} = {say(y[k])}, output {k + 1}."
        )
    texts.append(
        "All nine outputs are one matrix product, y = w · columns. Of the 36 numbers in the columns only 16 "
        "are "
        "different pixels: where windows overlap, a pixel is written down up to four times."
    )
    return texts


def _backward(dcolumns, growing, places) -> list[str]:
    texts = [
        "Backwards, dy arrives: one number for each output. The gradient of the columns is w, as a column, "
        "times "
        "the row dy. No column has been added back yet, so dx is 0."
    ]
    for k, column in enumerate(dcolumns.T):
        before, after = growing[k], growing[k + 1]
        texts.append(f"Column {k + 1} is dy = {say(DY.ravel()[k])} times the weights: {vector(column)}. ")
        met = [int(p) for p, value in zip(places[k], column, strict=True) if before[int(p)] and value]
        if not column.any():
            texts[-1] += "Nothing flows back through this window."
        elif met:
            sums = ", ".join(
                f"{say(before[p])} {'−' if after[p] < before[p] else '+'} {say(abs(after[p] - before[p]))}"
                f" = {say(after[p])}"
                for p in met
            )
            texts[-1] += f"Where its window overlaps others, the gradients add up: {sums}."
        else:
            texts[-1] += "It goes back onto the four pixels of its window."
    texts.append(
        "All columns are back: dx is complete. And the weights, used in all nine windows, get dw = dy · "
        "columnsᵀ."
    )
    return texts


def _pixels(dcolumns, dx, places) -> list[str]:
    texts = []
    for p in range(16):
        windows, terms = [], []
        for k, column in enumerate(places):
            if p in column:
                windows.append(k + 1)
                terms.append(dcolumns[list(column).index(p), k])
        listed = ", ".join(map(str, windows))
        total = f"{added(terms)} = {say(dx[p])}" if len(terms) > 1 else say(dx[p])
        texts.append(
            f"The pixel {say(X.ravel()[p])} in row {p // 4 + 1}, column {p % 4 + 1} of x stands in "
            f"{'window' if len(windows) == 1 else 'windows'} {listed}. "
            f"Its gradient is what {'that window sends' if len(windows) == 1 else 'these windows send'} "
            f"back: dx = {total}."
        )
    return texts


def table(numbers: dict) -> list[tuple]:
    """Return the rows of the table for readers without scripts, the heading first."""
    rows = [("window", "its column", "y = w · column", "dy", "column of the gradient, dy · w")]
    for k in range(9):
        column, back = ([row[k] for row in numbers[name]] for name in ("columns", "dcolumns"))
        sum_ = f"{products(np.ravel(numbers['weight']), column)} = {say(np.ravel(numbers['y'])[k])}"
        rows.append((str(k + 1), vector(column), sum_, say(np.ravel(numbers["dy"])[k]), vector(back)))
    return rows
