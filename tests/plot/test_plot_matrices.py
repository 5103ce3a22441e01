"""Matrices side by side have one scale, and rows and columns are numbered as asked."""

import numpy as np
import pytest

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


def test_contours_have_the_same_levels_in_every_panel_and_rows_run_upwards():
    at = np.linspace(-1, 1, 5)
    rising = np.repeat(at[:, None], 5, axis=1)  # by row
    figure = plot.contours(
        {"rising": rising, "flatter": rising / 4}, at=at, levels=[-0.5, 0, 0.5], **LABELS, title="both"
    )
    assert [axes.get_title() for axes in figure.axes[:2]] == ["rising", "flatter"]
    lines = [axes.collections[1] for axes in figure.axes[:2]]
    heights = [[path.vertices[:, 1].mean() for path in each.get_paths() if len(path)] for each in lines]
    np.testing.assert_allclose(heights[0], [-0.5, 0, 0.5], atol=1e-12)
    np.testing.assert_allclose(heights[1], [0], atol=1e-12)  # the other two levels are never reached
    assert [text.get_text() for text in figure.axes[2].get_yticklabels()] == ["-0.5", "0", "0.5"]
    assert figure.get_suptitle() == "both"


def error_panels(expected, got):
    figure = plot.error_maps(expected, got, name="dx")
    return figure, [axes for axes in figure.axes if axes.images and axes.get_title()]


def test_an_error_map_shows_the_plane_with_the_largest_error():
    expected, got = np.ones((2, 3, 4, 5)), np.ones((2, 3, 4, 5))
    got[0, 1, 2, 3], got[1, 2, 3, 0] = 1.5, -3
    figure, panels = error_panels(expected, got)
    assert figure.get_suptitle() == "dx[1, 2, :, :]"
    assert [axes.get_title() for axes in panels] == ["expected", "got", "got - expected"]
    arrays = [np.asarray(axes.images[0].get_array()) for axes in panels]
    for shown, true in zip(arrays, (expected[1, 2], got[1, 2], (got - expected)[1, 2]), strict=True):
        np.testing.assert_array_equal(shown, true)
    # expected and got have one scale, symmetric around 0; the difference has its own
    assert [axes.images[0].get_clim() for axes in panels] == [(-3, 3), (-3, 3), (-4, 4)]


def test_what_is_not_a_number_is_the_largest_error():
    expected, got = np.ones((2, 2, 3)), np.ones((2, 2, 3))
    got[0, 0, 0], got[1, 1, 2] = 9, np.nan
    assert error_panels(expected, got)[0].get_suptitle() == "dx[1, :, :]"


def test_numbers_stand_in_small_error_maps_at_their_places_and_not_in_large_ones():
    expected = np.arange(6.0).reshape(2, 3)
    _, panels = error_panels(expected, expected + 1)
    texts = {tuple(text.get_position()): text.get_text() for text in panels[0].texts}
    assert texts[2, 1] == "5" and len(texts) == 6  # column 2, row 1
    assert not any(axes.texts for axes in error_panels(np.ones((6, 6)), np.zeros((6, 6)))[1])


def test_vectors_and_numbers_have_error_maps_and_two_shapes_have_none():
    assert error_panels(np.ones(3), np.zeros(3))[0].get_suptitle() == "dx"
    assert error_panels(1.0, 2.0)[1][1].texts[0].get_text() == "2"
    with pytest.raises(ValueError, match=r"got: expected the shape \(3,\), got \(2,\)"):
        plot.error_maps(np.ones(3), np.ones(2), name="dx")
