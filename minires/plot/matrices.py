"""Matrices of one kind side by side, on one scale."""

from minires.plot.style import check_some, sheet


def heat_maps(panels, *, xlabel, ylabel, label, limits, columns=2, origin=0):
    """Return a Figure of square matrices in panels of equal size, in greys with one common scale.

    panels: {title: matrix (n, n)}, row by row; columns: panels in a row; label: what the shades mean, with
    its unit; limits: (white, black); origin: the number that the first row and column have.
    Raises ValueError without a panel.
    """
    check_some("panels", panels, "matrix")
    rows = -(-len(panels) // columns)
    figure, all_axes = sheet(
        columns, rows=rows, width=1.2 + 3.2 * columns, height=0.4 + 3.0 * rows, sharex=True, sharey=True
    )
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, matrix) in zip(all_axes, panels.items(), strict=False):
        edges = (origin - 0.5, origin + len(matrix) - 0.5)
        image = axes.imshow(
            matrix, cmap="Greys", vmin=limits[0], vmax=limits[1], origin="lower", extent=(*edges, *edges)
        )
        axes.set_title(title, fontsize=10)
    figure.supxlabel(xlabel, fontsize=10)
    figure.supylabel(ylabel, fontsize=10)
    figure.colorbar(image, ax=all_axes, label=label, shrink=0.8)
    return figure
