"""Normalisation by the training set's statistics, and the papers' crop and flip."""

import numpy as np
import pytest

from minires import data
from minires.data import normalise


def toy(n=50, seed=0, **changes):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, [[[100]], [[200]], [[256]]], (n, 3, 6, 8)).astype(np.uint8)
    labels = rng.integers(0, 2, n)
    return data.Dataset(**{"images": images, "labels": labels, "class_names": "ab", "name": "toy", **changes})


@pytest.mark.parametrize("chunk", [7, 1000])
def test_per_channel_gives_mean_0_and_standard_deviation_1(monkeypatch, chunk):
    monkeypatch.setattr(normalise, "CHUNK", chunk)
    dataset = toy()
    fitted = data.Normalisation.fit(dataset)
    y = fitted(dataset.images)
    assert y.dtype == np.float32 and y.shape == dataset.images.shape and fitted.mean.shape == (3, 1, 1)
    # 2400 float32 values of size 1 each: rounding of 6e-8 in every one, and in mean and std themselves
    assert np.abs(y.mean(axis=(0, 2, 3), dtype=np.float64)).max() < 1e-6
    assert np.abs(y.std(axis=(0, 2, 3), dtype=np.float64) - 1).max() < 1e-6


@pytest.mark.parametrize("chunk", [7, 1000])
def test_per_pixel_gives_every_pixel_mean_0_and_divides_by_the_largest_value(monkeypatch, chunk):
    monkeypatch.setattr(normalise, "CHUNK", chunk)
    dataset = toy()
    fitted = data.Normalisation.fit(dataset, "per_pixel")
    exact = (dataset.images - dataset.images.mean(axis=0)) / 255
    assert fitted.mean.shape == (3, 6, 8)
    assert np.abs(fitted(dataset.images) - exact).max() < 1e-6  # float32 rounding of values up to 1


def test_digits_are_scaled_by_their_own_largest_value():
    train, _ = data.load("digits")
    assert data.Normalisation.fit(train, "per_pixel").std.item() == 16


def test_the_test_set_is_normalised_by_the_training_set():
    train, test = toy(seed=0), toy(seed=1)
    fitted = data.Normalisation.fit(train)
    exact = (test.images - train.images.mean(axis=(0, 2, 3), keepdims=True)[0]) / fitted.std
    assert np.allclose(fitted(test.images), exact, atol=1e-6)


def test_a_channel_of_one_value_becomes_zero():
    images = np.full((4, 1, 3, 3), 9, np.uint8)
    flat = toy(images=images, labels=np.zeros(4, np.int64))
    assert np.array_equal(data.Normalisation.fit(flat)(images), np.zeros((4, 1, 3, 3)))


@pytest.mark.parametrize("kind", normalise.KINDS)
def test_a_saved_normalisation_gives_the_same_bits(kind):
    dataset = toy()
    fitted = data.Normalisation.fit(dataset, kind)
    again = data.Normalisation.from_state(fitted.state_dict())
    assert np.array_equal(again(dataset.images), fitted(dataset.images))


def test_a_normalisation_refuses_what_it_was_not_fitted_to():
    dataset = toy()
    fitted = data.Normalisation.fit(dataset, "per_pixel")
    with pytest.raises(TypeError, match="normalised before"):
        fitted(fitted(dataset.images))
    with pytest.raises(ValueError, match="fitted to images"):
        fitted(dataset.images[:, :1])
    with pytest.raises(ValueError, match="fitted to images"):
        fitted(dataset.images[:, :, :5])
    with pytest.raises(ValueError, match="per_channel, per_pixel, got 'per_image'"):
        data.Normalisation.fit(dataset, "per_image")
    for state in (
        {"mean": fitted.mean},
        {"mean": fitted.mean, "std": fitted.std * 0},
        {"mean": fitted.mean, "std": fitted.std[:2]},
        {"mean": fitted.mean[0], "std": fitted.std},
        {"mean": fitted.mean * np.nan, "std": fitted.std},
    ):
        with pytest.raises(ValueError, match="normalisation"):
            data.Normalisation.from_state(state)


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_random_crop_is_a_window_of_the_zero_padded_image(padding):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((60, 2, 5, 7)).astype(np.float32)
    before = images.copy()
    cropped = data.random_crop(images, padding, np.random.default_rng(1))
    assert cropped.dtype == np.float32 and cropped.shape == images.shape and np.array_equal(images, before)
    assert not np.shares_memory(cropped, images)
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    seen = set()
    for window, whole in zip(cropped, padded, strict=True):
        places = [
            (t, left)
            for t in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            if np.array_equal(window, whole[:, t : t + 5, left : left + 7])
        ]
        assert places
        seen.add(places[0])
    # every offset occurs among 60 draws (chance of missing one of 9 rows: 1 %; the seed is fixed)
    assert {t for t, _ in seen} == {left for _, left in seen} == set(range(2 * padding + 1))


def test_random_flip_mirrors_about_half_of_the_images_left_to_right():
    images = np.random.default_rng(0).standard_normal((400, 2, 3, 5)).astype(np.float32)
    flipped = data.random_flip(images, np.random.default_rng(1))
    mirrored = [np.array_equal(a, b[:, :, ::-1]) for a, b in zip(flipped, images, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 160 < sum(mirrored) < 240  # 4 standard deviations of a fair coin thrown 400 times
    assert flipped.dtype == np.float32


def test_augmentation_of_the_papers_is_crop_then_flip():
    images = np.random.default_rng(0).standard_normal((8, 3, 6, 6)).astype(np.float32)
    rng = np.random.default_rng(5)
    expected = data.random_flip(data.random_crop(images, 4, rng), rng)
    assert np.array_equal(data.Augmentation()(images, np.random.default_rng(5)), expected)
    assert data.Augmentation(padding=0, flip=False)(images, rng) is images


def test_random_crop_refuses_bytes_and_a_negative_padding():
    with pytest.raises(TypeError, match="normalise first"):
        data.random_crop(np.zeros((1, 1, 4, 4), np.uint8), 4, np.random.default_rng(0))
    with pytest.raises(ValueError, match="0 or more, got -1"):
        data.random_crop(np.zeros((1, 1, 4, 4)), -1, np.random.default_rng(0))
