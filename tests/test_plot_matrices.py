"""Matrices side by side have one scale, and rows and columns are numbered as asked."""

import numpy as np

from minires import plot

LABELS = {"xlabel": "unit $m$", "ylabel": "unit $l$", "label": "cosine"}


def drawn(panels, **options):
    """Return the visible axes of the panels, without that of the scale."""
    figure = plot.heat_maps(panels, **LABELS, **options)
    return [axes for axes in figure.axes if axes.get_visible() and axes.images]


def test_all_panels_have_the_same_scale_whatever_their_values():
    axes = drawn({"a": np.eye(3), "b": 0.1 * np.eye(3), "c": np.eye(3)}, limits=(0, 1))
    assert [each.get_title() for each in axes] == ["a", "b", "c"]
    assert {each.images[0].get_clim() for each in axes} == {(0, 1)}


def test_rows_are_counted_upwards_from_the_origin_and_columns_to_the_right():
    matrix = np.zeros((4, 4))
    matrix[1, 3] = 1
    (axes,) = drawn({"a": matrix}, limits=(0, 1), columns=1, origin=1)
    image = axes.images[0]
    assert image.get_extent() == [0.5, 4.5, 0.5, 4.5] and image.origin == "lower"
    assert image.get_array()[1, 3] == 1


def test_black_is_the_upper_limit_and_the_axes_are_named():
    figure = plot.heat_maps({"a": np.eye(2)}, limits=(0, 1), **LABELS)
    image = figure.axes[0].images[0]
    assert image.to_rgba(np.array([[0.0, 1.0]]))[0, :, 0].tolist() == [1, 0]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("unit $m$", "unit $l$")
