"""Pictures side by side."""

import numpy as np
import pytest

from minires import plot


def test_a_mosaic_shows_grey_and_coloured_images_as_they_are_with_titles_and_frames():
    rng = np.random.default_rng(0)
    grey, colour = rng.standard_normal((1, 4, 6)), rng.integers(0, 256, (3, 5, 5), dtype=np.uint8)
    panels = {"grey": grey, "flat": grey[0], "colour": colour}
    figure = plot.mosaic(panels, columns=2, boxes={"colour": [(1, 2, 3, 2)]})
    shown = {axes.get_title(): axes for axes in figure.axes if axes.images}
    assert list(shown) == list(panels) and len(figure.axes) == 4
    for name in ("grey", "flat"):
        np.testing.assert_array_equal(shown[name].images[0].get_array(), grey[0])
        assert not shown[name].patches
    np.testing.assert_array_equal(shown["colour"].images[0].get_array(), colour.transpose(1, 2, 0))
    frame = shown["colour"].patches[-1]  # around the pixels of columns 2, 3 and rows 1, 2, 3
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (1.5, 0.5, 2, 3)


def test_a_mosaic_needs_images():
    with pytest.raises(ValueError, match="at least one image"):
        plot.mosaic({})
    for shape in ((2, 4, 4), (1, 3, 4, 4), (4,)):
        with pytest.raises(ValueError, match="odd one: expected an image"):
            plot.mosaic({"odd one": np.zeros(shape)})


def test_the_least_value_is_black_and_the_largest_white():
    image = plot.mosaic({"a": np.array([[-1.0, 3.0]])}).axes[0].images[0]
    assert image.to_rgba(image.get_array())[0, :, 0].tolist() == [0, 1]
