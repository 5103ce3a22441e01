"""Ten crops are the right pixels in the documented order, and their average is the papers'."""

import dataclasses

import numpy as np
import pytest
import strict_cupy
from image_files import write_folders
from PIL import Image
from test_cli import empty_folder, error_of, minires  # noqa: F401

from minires import data, layers
from minires import functional as F
from minires.layers import Sequential
from minires.train import checkpoint, evaluate, resume, ten_crop
from minires.train.metrics import ranks
from minires.train.ten_crop import normalised_ten_crops, predict_crops, predict_ten_crop, ten_crops

RNG = np.random.default_rng(0)


def small_net(channels=3, classes=4):
    rng = np.random.default_rng(3)
    return Sequential(
        layers.Conv2d(channels, 6, 3, padding=1, rng=rng),
        layers.BatchNorm(6),
        layers.ReLU(),
        layers.Flatten(),
        layers.Linear(6 * 4 * 4, classes, rng=rng),
    )


class Answers:
    """A "network" that returns these logits, whatever it is shown."""

    def __init__(self, logits):
        self.logits = np.asarray(logits)

    def predict(self, x):
        assert len(x) == len(self.logits)
        return self.logits


# -- the crops ---------------------------------------------------------------------------------------------


def test_the_ten_crops_of_a_small_image_written_out_by_hand():
    image = np.array([[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34], [41, 42, 43, 44]], np.uint8)
    expected = [
        *([[11, 12], [21, 22]], [[13, 14], [23, 24]], [[31, 32], [41, 42]], [[33, 34], [43, 44]]),
        [[22, 23], [32, 33]],
        *([[14, 13], [24, 23]], [[12, 11], [22, 21]], [[34, 33], [44, 43]], [[32, 31], [42, 41]]),
        [[23, 22], [33, 32]],
    ]
    crops = ten_crops(image[None, None], 2)
    assert crops.dtype == np.uint8 and crops.shape == (1, 10, 1, 2, 2)
    assert crops[0, :, 0].tolist() == expected


@pytest.mark.parametrize("h, w", [(6, 9), (7, 8), (5, 5), (4, 11)])
def test_corners_and_centre_of_every_image_and_channel(h, w):
    images = RNG.standard_normal((3, 2, h, w)).astype(np.float32)
    before = images.copy()
    crops = ten_crops(images, 4)
    t, left = (h - 4) // 2, (w - 4) // 2
    places = [(0, 0), (0, w - 4), (h - 4, 0), (h - 4, w - 4), (t, left)]
    for i, (row, column) in enumerate(places):
        assert np.array_equal(crops[:, i], images[:, :, row : row + 4, column : column + 4])
        mirrored = images[:, :, :, ::-1]
        assert np.array_equal(crops[:, 5 + i], mirrored[:, :, row : row + 4, column : column + 4])
    assert not np.shares_memory(crops, images) and np.array_equal(images, before)


@pytest.mark.parametrize("w", [8, 9])
def test_the_crops_of_the_mirror_image_are_the_same_ten_with_the_halves_exchanged(w):
    images = RNG.standard_normal((3, 2, 7, w))
    crops, mirrored = ten_crops(images, 4), ten_crops(images[:, :, :, ::-1], 4)
    assert np.array_equal(mirrored, np.concatenate([crops[:, 5:], crops[:, :5]], axis=1))
    # each is the mirror image of a partner; left and right change places
    partners = [6, 5, 8, 7] if w % 2 else [6, 5, 8, 7, 9]
    for i, partner in enumerate(partners):
        assert np.array_equal(crops[:, i], crops[:, partner, :, :, ::-1])


@pytest.mark.parametrize("shape, size", [((1, 3, 20, 30), 21), ((1, 3, 30, 20), 224), ((1, 3, 20, 30), 0)])
def test_an_image_smaller_than_the_crop_says_what_is_possible(shape, size):
    h, w = shape[2:]
    with pytest.raises(ValueError, match=f"crop: from images of {h}x{w} pixels expected 1 to 20, got {size}"):
        ten_crops(np.zeros(shape), size)


def test_one_image_without_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"expected images \(N, C, H, W\), got shape \(3, 8, 8\)"):
        ten_crops(np.zeros((3, 8, 8)), 4)


# -- the average -------------------------------------------------------------------------------------------


def test_the_average_is_that_of_ten_predictions_made_one_by_one():
    net, images = small_net().astype(np.float64), RNG.standard_normal((5, 3, 6, 7))
    logits = np.stack([net.predict(np.ascontiguousarray(c)) for c in ten_crops(images, 4).swapaxes(0, 1)])
    probabilities = np.stack([F.softmax_forward(z)[0] for z in logits]).mean(axis=0)
    # float64, the same sums in another order
    np.testing.assert_allclose(np.exp(predict_ten_crop(net, images, 4)), probabilities, rtol=1e-12)
    by_logits = predict_ten_crop(net, images, 4, average="logits")
    np.testing.assert_allclose(by_logits, logits.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("average", ten_crop.AVERAGES)
@pytest.mark.parametrize("w", [6, 7])
def test_an_image_and_its_mirror_image_get_the_very_same_scores(average, w):
    # Whole numbers up to 2^24, of which float32 loses none: no sum depends on where in a batch a crop stands.
    rng = np.random.default_rng(3)
    net = Sequential(
        layers.Conv2d(3, 6, 3, padding=1, rng=rng),
        layers.ReLU(),
        layers.Flatten(),
        layers.Linear(96, 4, rng=rng),
    )
    for _, parameter in net.named_parameters():
        parameter.data[...] = rng.integers(-4, 5, parameter.data.shape)
    net["3"].weight.data *= 2.0**-10
    images = rng.integers(-9, 10, (5, 3, 6, w)).astype(np.float32)
    scores = predict_ten_crop(net, images, 4, average=average)
    mirrored = predict_ten_crop(net, np.ascontiguousarray(images[:, :, :, ::-1]), 4, average=average)
    assert scores.dtype == np.float32 and scores.tobytes() == mirrored.tobytes()
    single = net.predict(np.ascontiguousarray(images[:, :, 1:5, 1:5]))
    other = net.predict(np.ascontiguousarray(images[:, :, 1:5, 4:0:-1]))
    assert np.abs(single - other).max() > 0.1  # with one crop they differ


def test_averaged_probabilities_and_averaged_logits_can_choose_different_classes():
    """Nine crops lean towards class 1, one is very sure of class 0."""
    net = Answers([[20.0, 0.0]] + 9 * [[0.0, 1.0]])
    crops = np.zeros((1, 10, 1, 1, 1))
    by_softmax = np.exp(predict_crops(net, crops))
    # softmax of (0, 1) is 1 / (1 + e) = 0.2689 and 0.7311; that of (20, 0) is 1 and 2e-9
    np.testing.assert_allclose(by_softmax, [[0.34205, 0.65795]], atol=1e-5)
    by_logits = predict_crops(net, crops, average="logits")
    np.testing.assert_allclose(by_logits, [[2.0, 0.9]], atol=1e-12)
    assert by_softmax.argmax() == 1 and by_logits.argmax() == 0


def test_probabilities_that_round_to_0_in_every_crop_still_have_a_logarithm():
    logits = np.zeros((10, 3), np.float32)
    logits[:, 0] = 1000
    logits[3, 1] = 500
    scores = predict_crops(Answers(logits), np.zeros((1, 10, 1, 1, 1)))
    # class 1: log(e^-500 / 10) but for e^-1000; class 2: e^-1000 in all ten crops
    np.testing.assert_allclose(scores, [[0, -500 - np.log(10), -1000]], atol=1e-4)


def test_another_average_is_refused():
    with pytest.raises(ValueError, match="average: expected softmax or logits, got 'max'"):
        predict_ten_crop(small_net(), np.zeros((1, 3, 6, 6), np.float32), 4, average="max")


def test_a_per_pixel_mean_is_subtracted_from_every_crop():
    images = RNG.integers(0, 256, (5, 3, 6, 7), np.uint8)
    normalise = data.Normalisation(RNG.uniform(0, 255, (3, 4, 4)), np.full((3, 1, 1), 255.0))
    x = normalised_ten_crops(normalise, 4)(images)
    assert x.shape == (5, 10, 3, 4, 4) and x.dtype == np.float32
    crops = ten_crops(images, 4)
    for i in range(10):
        assert np.array_equal(x[:, i], normalise(crops[:, i]))


def test_on_a_gpu_the_scores_are_the_same():
    net, images = small_net(), RNG.standard_normal((2, 3, 6, 6), dtype=np.float32)
    expected = predict_ten_crop(net, images, 4)
    scores = predict_ten_crop(net.to(strict_cupy), strict_cupy.asarray(images), 4)
    # The CPU works in blocks: float32 sums in another order.
    np.testing.assert_allclose(scores.get(), expected, rtol=1e-5, atol=1e-6)


# -- the command -------------------------------------------------------------------------------------------

TRAIN = "--data folder --data-dir set --crop 12 --model resnet8 --epochs 1 --batch-size 8 --lr 0.02 --out a"


def naive_ten_crop_error(average):
    """The test error of the run in a/, from Pillow and slices alone."""
    net, normalisation, _ = resume.load_network(checkpoint.load("a/checkpoint.npz"))
    _, test = data.read_image_folder("set", crop=12)
    wrong = 0
    for file, label in zip(test.files, test.labels, strict=True):
        image = Image.open(test.folder / file).convert("RGB")
        scale = 14 / min(image.size)  # 12 * 256 / 224 = 13.7
        image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BILINEAR)
        pixels = np.asarray(image).transpose(2, 0, 1)
        top, left = (pixels.shape[1] - 14) // 2, (pixels.shape[2] - 14) // 2
        square = pixels[:, top : top + 14, left : left + 14]
        corners = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
        crops = [square[:, t : t + 12, s : s + 12] for t, s in corners]
        crops = np.stack(crops + [crop[:, :, ::-1] for crop in crops])
        logits = net.predict(normalisation(crops))
        scores = F.softmax_forward(logits)[0].mean(axis=0) if average == "softmax" else logits.mean(axis=0)
        wrong += int(ranks(scores[None], np.array([label]))[0] > 0)
    return wrong, len(test)


@pytest.mark.parametrize("normalisation", ["per_channel", "per_pixel"])
def test_eval_with_ten_crops_measures_what_a_naive_program_measures(capsys, normalisation):
    write_folders("set", train=12, test=5)
    assert minires(capsys, "train", *TRAIN.split(), "--normalisation", normalisation)[0] == 0
    for average in ("softmax", "logits"):
        options = () if average == "softmax" else ("--average", "logits")
        code, lines, err = minires(capsys, "eval", "a/checkpoint.npz", "--ten-crop", *options)
        assert (code, err) == (0, [])
        assert lines[0] == "resnet8, 15 images of set test, ten crops of each"
        wrong, images = naive_ten_crop_error(average)
        assert lines[1] == f"top-1 error {100 * wrong / images:.2f} %"


def test_ten_crops_change_what_evaluation_sees():
    write_folders("set", train=4, test=5)
    train, test = data.read_image_folder("set", crop=8, shorter_side=(14, 20))
    normalise = data.Normalisation.fit(train)
    rng = np.random.default_rng(0)
    net = Sequential(layers.Flatten(), layers.Linear(3 * 8 * 8, 3, rng=rng))
    options = {"batch_size": 4, "seed": 0, "shuffle": False}
    whole = dataclasses.replace(test, crop=14)
    crops = data.Batches(whole, normalisation=normalised_ten_crops(normalise, 8), **options)
    ten = evaluate(net, crops, predict=lambda x: predict_crops(net, x))
    one = evaluate(net, data.Batches(test, normalisation=normalise, **options))
    scores, labels = zip(*((predict_crops(net, x), labels) for x, labels in crops.epoch(0)), strict=True)
    loss, _ = F.softmax_cross_entropy_forward(np.concatenate(scores), np.concatenate(labels))
    assert ten["test_loss"] == pytest.approx(float(loss), rel=1e-6)  # float32 sums in another order
    assert abs(ten["test_loss"] - one["test_loss"]) > 1e-3


def test_eval_refuses_crops_that_it_cannot_make(capsys):
    write_folders("set", train=3, test=1)
    assert minires(capsys, "train", *TRAIN.split())[0] == 0
    for options, message in {
        "--ten-crop --shorter-side 11": "expected two rising numbers from 12 on",
        "--ten-crop --crop 20 --shorter-side 18": "so that the crop of 20 pixels fits, got 18 and 18",
        "--ten-crop --average max": "average: expected softmax or logits, got 'max'",
        "--average logits": "--average: only applies with --ten-crop",
        "--ten-crop --batch-size 0": "batch_size: expected 1 or more",
        "--ten-crop --data digits": "--ten-crop: only applies to folders of images",
        "--shorter-side 9 --data digits": "--shorter-side: only applies to folders of images",
        "--crop 6 --data digits": "crop: only folders of images are cropped (folder), not digits",
    }.items():
        assert message in error_of(capsys, "eval", "a/checkpoint.npz", *options.split()), options
