"""Images of any size are read from disk as the papers cut them, and the same bits come whatever happens."""

import collections
import dataclasses
import json
import pathlib
import re
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import CLASSES, photo, write_folders
from PIL import Image
from test_cli import empty_folder, error_of, minires  # noqa: F401

from minires import data, layers
from minires.data import imagenet
from minires.data.pictures import read_image
from minires.kernels.cpu import parallel
from minires.layers import Sequential
from minires.train import Config, Reporter, Trainer, checkpoint, resume

CROP, SIDES = 8, (9, 12)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return (train, test), ImageFolders of 18 and 6 images."""
    root = write_folders(tmp_path_factory.mktemp("set"), train=6, test=2)
    return data.read_image_folder(root, crop=CROP, shorter_side=SIDES)


@pytest.fixture(scope="module")
def train(folders):
    return folders[0]


def decode(dataset, index):
    """Return an image of an ImageFolder as Pillow decodes it."""
    return Image.open(dataset.folder / dataset.files[index]).convert("RGB")


def naive_resize(image, length):
    width, height = image.size
    scale = length / min(width, height)
    size = (round(width * scale), round(height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def batches(dataset, **changes):
    normalisation = changes.pop("normalisation", None) or data.Normalisation.fit(dataset)
    options = {"batch_size": 5, "seed": 7, "augment": data.Augmentation(padding=0)}
    return data.Batches(dataset, normalisation=normalisation, **options | changes)


def same(one, other):
    one, other = list(one), list(other)
    return len(one) == len(other) and all(
        a.tobytes() == b.tobytes() and np.array_equal(k, m) for (a, k), (b, m) in zip(one, other, strict=True)
    )


def decoders():
    return [t for t in threading.enumerate() if t.name.startswith("minires-")]


# -- the set -----------------------------------------------------------------------------------------------


def test_folders_are_listed_without_opening_an_image(tmp_path):
    write_folders(tmp_path, train=3, test=1)
    for path in tmp_path.glob("*/*/*"):
        path.write_bytes(b"not yet")
    train, test = data.read_image_folder(tmp_path, crop=CROP)
    assert (len(train), len(test)) == (9, 3) and train.class_names == CLASSES
    assert train.files[:4] == ("ant/000.png", "ant/001.png", "ant/002.JPEG", "bee/000.png")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and train.labels.dtype == np.int64
    assert train.name == f"{tmp_path.name} train" and train.image_shape == (3, 8, 8)


def test_a_foreign_file_is_found_before_any_image_is_read(tmp_path):
    write_folders(tmp_path, train=1, test=1)
    (tmp_path / "test" / "bee" / "notes.txt").write_text("remember the milk")
    with pytest.raises(ValueError, match=r"notes.txt: expected \.jpg, \.jpeg, \.png"):
        data.read_image_folder(tmp_path, crop=CROP)


def test_the_papers_lengths_belong_to_a_crop_of_224_and_others_are_in_proportion(tmp_path):
    write_folders(tmp_path, train=1, test=1)
    sides = [data.load("folder", tmp_path, crop=crop)[0].shorter_side for crop in (224, 112, 28)]
    assert sides == [(256, 480), (128, 240), (32, 60)]


def test_taking_and_holding_out_keep_files_and_labels_together(train):
    validation, rest = data.hold_out(train, 13, seed=0)
    assert (len(rest), len(validation)) == (13, 5) and rest.name.endswith("13 held out")
    assert sorted(rest.files + validation.files) == sorted(train.files)
    for part in (rest, validation, train.take([4, 1]), train.take(train.labels == 2)):
        assert [CLASSES[label] for label in part.labels] == [file.partition("/")[0] for file in part.files]


# -- what is cut out ---------------------------------------------------------------------------------------


def test_for_testing_the_shorter_side_is_the_least_and_the_crop_is_at_the_centre(train):
    windows = train.read(np.arange(len(train)))
    assert windows.dtype == np.uint8 and windows.shape == (18, 3, 8, 8)
    for i, window in enumerate(windows):
        resized = naive_resize(decode(train, i), 9)
        top, left = (resized.shape[1] - 8) // 2, (resized.shape[2] - 8) // 2
        assert np.array_equal(window, resized[:, top : top + 8, left : left + 8])


def test_for_training_it_is_a_random_window_of_the_image_resized_to_a_random_length(train):
    """Found again by trying every length and place; over many draws all of them occur."""
    found = collections.Counter()
    for seed in range(6):
        for i, window in enumerate(train.read(np.arange(len(train)), np.random.default_rng(seed))):
            places = [
                (length, top, left)
                for length in range(5, 20)
                if (resized := naive_resize(decode(train, i), length)).shape[1] >= 8 <= resized.shape[2]
                for top in range(resized.shape[1] - 7)
                for left in range(resized.shape[2] - 7)
                if np.array_equal(window, resized[:, top : top + 8, left : left + 8])
            ]
            assert len(places) == 1  # noise: no window looks like another
            found[places[0]] += 1
    lengths = {length for length, _, _ in found}
    assert lengths == {9, 10, 11, 12}  # 108 draws: one is missed with a chance of 1e-13
    for length in lengths:  # along the shorter side all places occur, the last one too
        shorter = {min(top, left) for found_length, top, left in found if found_length == length}
        assert shorter <= set(range(length - 7)) and {0, 1} <= shorter
    assert any(top == 4 for length, top, _ in found if length == 12)
    assert any(left == 4 for length, _, left in found if length == 12)


@given(h=st.integers(1, 90), w=st.integers(1, 90), length=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_the_shorter_side_gets_the_length_and_the_longer_keeps_the_proportion(h, w, length):
    resized = imagenet.resize_shorter_side(np.zeros((3, h, w), np.uint8), length)
    _, new_h, new_w = resized.shape
    assert min(new_h, new_w) == length and resized.dtype == np.uint8
    exact = length * max(h, w) / min(h, w)
    assert abs(max(new_h, new_w) - exact) <= 0.5 + 1e-9  # whole pixels
    assert (h < w and new_h <= new_w) or (h >= w and new_h >= new_w)


def test_random_windows_are_at_every_place_equally_often():
    image = np.arange(30).reshape(1, 5, 6)
    rng = np.random.default_rng(0)
    corners = collections.Counter(int(imagenet.random_window(image, 3, rng)[0, 0, 0]) for _ in range(2400))
    assert set(corners) == {0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15}
    # 200 of each on average, with a standard deviation of 13.5
    assert all(140 < count < 260 for count in corners.values())


@pytest.mark.parametrize("cut", [imagenet.centre_crop, lambda i, s: imagenet.random_window(i, s, None)])
def test_a_window_larger_than_the_image_says_what_is_possible(cut):
    with pytest.raises(ValueError, match="crop: from images of 20x30 pixels expected 1 to 20, got 21"):
        cut(np.zeros((3, 20, 30), np.uint8), 21)


def test_images_of_the_crops_size_are_the_data_set_that_is_read_into_memory(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
        for i in range(3):
            Image.fromarray(photo(i, 0)[:10, :10]).save(tmp_path / part / "a" / f"{i}.png")
    in_memory, _ = data.load("folder", tmp_path)
    on_disk, _ = data.load("folder", tmp_path, crop=10, shorter_side=(10, 10))
    assert np.array_equal(on_disk.read(np.arange(3)), in_memory.images)
    for kind in ("per_channel", "per_pixel"):
        one, other = (data.Normalisation.fit(dataset, kind) for dataset in (on_disk, in_memory))
        assert np.array_equal(one.mean, other.mean) and np.array_equal(one.std, other.std)
    fitted = data.Normalisation.fit(in_memory)
    pairs = (batches(dataset, normalisation=fitted).epoch(1) for dataset in (on_disk, in_memory))
    assert same(*pairs)


# -- batches -----------------------------------------------------------------------------------------------


def test_a_batch_is_read_normalised_flipped_and_coloured_with_counted_randomness(train):
    fitted = data.Normalisation.fit(train)
    augment = data.Augmentation(padding=0, colour=data.ColourNoise.fit(train, fitted))
    (x, labels), *_ = batches(train, augment=augment, normalisation=fitted).epoch(3, start=2)
    order = np.random.default_rng([7, 3, 0]).permutation(18)[10:15]
    rng = np.random.default_rng([7, 3, 3])
    windows = fitted(train.read(order, rng))
    assert np.array_equal(labels, train.labels[order]) and x.dtype == np.float32
    assert np.array_equal(x, augment.colour(data.random_flip(windows, rng), rng))


def test_flips_are_exact_and_happen_to_about_half_of_the_images(train):
    fitted, flipped = data.Normalisation.fit(train), 0
    for e in range(5):
        for b, (x, _) in enumerate(batches(train, normalisation=fitted).epoch(e)):
            order = np.random.default_rng([7, e, 0]).permutation(18)[5 * b : 5 * b + 5]
            windows = fitted(train.read(order, np.random.default_rng([7, e, b + 1])))
            for image, window in zip(x, windows, strict=True):
                assert np.array_equal(image, window) or np.array_equal(image, window[:, :, ::-1])
                flipped += not np.array_equal(image, window)
    assert 26 < flipped < 64  # 4 standard deviations of a fair coin thrown 90 times


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_epoch_begun_in_the_middle_has_the_same_bits(train, start):
    whole = list(batches(train).epoch(2))
    assert same(whole[start:], batches(train).epoch(2, start))


@pytest.mark.parametrize("threads, prefetch", [(1, 0), (1, 2), (3, 0), (16, 5)])
def test_the_number_of_threads_changes_no_bit(train, threads, prefetch):
    before, expected = parallel.get_threads(), list(batches(train).epoch(1))
    try:
        parallel.set_threads(threads)
        assert same(expected, batches(train, prefetch=prefetch).epoch(1))
    finally:
        parallel.set_threads(before)


def test_epochs_batches_and_images_of_a_batch_differ_in_their_windows(tmp_path):
    write_folders(tmp_path, train=1, test=1)
    one = data.read_image_folder(tmp_path, crop=CROP, shorter_side=SIDES)[0].take([0] * 12)
    windows = [x for e in (0, 1) for x, _ in batches(one, batch_size=6).epoch(e)]
    images = {image.tobytes() for x in windows for image in x}
    assert len(images) > 12  # of 24 draws of one image's windows
    assert len({x.tobytes() for x in windows}) == 4


def test_without_augmentation_every_epoch_shows_the_centre(train):
    fitted = data.Normalisation.fit(train)
    made = batches(train, augment=None, shuffle=False, normalisation=fitted)
    x = np.concatenate([x for x, _ in made.epoch(0)])
    assert np.array_equal(x, fitted(train.read(np.arange(18)))) and same(made.epoch(0), made.epoch(1))


def test_a_file_damaged_later_is_an_error_of_its_batch_that_names_it(tmp_path):
    write_folders(tmp_path, train=3, test=1)
    train, _ = data.read_image_folder(tmp_path, crop=CROP)
    made = batches(train, batch_size=2, shuffle=False)
    path = tmp_path / "train" / "bee" / "002.JPEG"  # number 5, in the third batch
    path.write_bytes(path.read_bytes()[:-30])
    arrived = 0
    with pytest.raises(ValueError, match="002.JPEG is damaged: its end is missing"):
        for _ in made.epoch(0):
            arrived += 1
    assert arrived == 2 and not decoders()


def test_leaving_an_epoch_early_ends_all_threads(train):
    for _ in batches(train).epoch(0):
        break
    assert not decoders()


def test_a_program_that_ends_within_an_epoch_does_not_hang(train):
    code = (
        "import sys; from minires import data\n"
        "train, _ = data.read_image_folder(sys.argv[1], crop=8)\n"
        "made = data.Batches(train, batch_size=2, seed=0, normalisation=data.Normalisation.fit(train))\n"
        "iterator = made.epoch(0); next(iterator); keep = [iterator]; keep.append(keep)\n"
        "raise SystemExit(7)"
    )
    command = [sys.executable, "-c", code, str(train.folder.parent)]
    child = subprocess.run(command, timeout=30, capture_output=True, text=True)
    assert (child.returncode, child.stderr) == (7, "")


def test_reading_an_image_does_not_touch_the_filters_of_warnings(train, monkeypatch):
    """They belong to the whole process: two threads that change and restore them end with the wrong ones."""

    def touch(*_, **__):
        pytest.fail("the filters of warnings were touched")

    for name in ("catch_warnings", "simplefilter", "filterwarnings"):
        monkeypatch.setattr(warnings, name, touch)
    train.read([0, 2])  # a PNG and a JPEG file


def test_a_phones_file_of_two_jpegs_is_its_first(tmp_path):
    images = [Image.new("RGB", (12, 10), colour) for colour in ("red", "blue")]
    images[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=images[1:])
    red, green, blue = read_image(tmp_path / "a.jpg").reshape(3, -1).mean(axis=1)
    assert red > 250 and green < 5 and blue < 5  # but for the rounding of JPEG's colour transform


def test_a_strip_that_would_fill_the_memory_when_resized_is_refused(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "test" / "a").mkdir(parents=True)
    for part in ("train", "test"):
        Image.new("L", (3000, 1)).save(tmp_path / part / "a" / "strip.png")
    train, _ = data.read_image_folder(tmp_path, crop=8)
    with pytest.raises(ValueError, match="strip.png: 1x3000 pixels are too long a strip"):
        train.read([0])


@pytest.mark.parametrize("size", [(90, 10), (10, 90)])
def test_a_long_image_is_no_strip(tmp_path, size):
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
        Image.new("L", size).save(tmp_path / part / "a" / "long.png")
    train, _ = data.read_image_folder(tmp_path, crop=8)
    assert train.read([0]).shape == (1, 3, 8, 8)


def test_a_strip_may_stand_or_lie(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
        Image.new("L", (1, 3000)).save(tmp_path / part / "a" / "strip.png")
    train, _ = data.read_image_folder(tmp_path, crop=8)
    with pytest.raises(ValueError, match="strip.png: 3000x1 pixels are too long a strip"):
        train.read([0])


def test_a_crop_of_true_is_no_size(train):
    with pytest.raises(ValueError, match="crop: expected the edge of a square in pixels.*got True"):
        dataclasses.replace(train, crop=True)


def test_other_labels_or_names_have_another_check_sum(tmp_path):
    train, _ = data.read_image_folder(write_folders(tmp_path, train=2, test=1), crop=CROP)
    file = train.folder / train.files[0]
    file.with_name("twin.png").write_bytes(file.read_bytes())
    renamed = dataclasses.replace(train, files=("ant/twin.png", *train.files[1:]))
    relabelled = dataclasses.replace(train, labels=train.labels[::-1].copy())
    assert len({dataset.check_sum() for dataset in (train, renamed, relabelled)}) == 3


def test_statistics_come_from_a_sample_spread_over_the_set(train, monkeypatch):
    monkeypatch.setattr(imagenet, "SAMPLE", 5)
    sample = np.concatenate(list(train.chunks(2)))
    assert np.array_equal(sample, train.read([0, 4, 8, 12, 16]))
    fitted = data.Normalisation.fit(train)
    np.testing.assert_allclose(fitted.mean.ravel(), sample.mean(axis=(0, 2, 3)), rtol=1e-6)  # to float32
    per_pixel = data.Normalisation.fit(train, "per_pixel")
    np.testing.assert_allclose(per_pixel.mean, sample.mean(axis=0), rtol=1e-6)


# -- colour ------------------------------------------------------------------------------------------------


def test_principal_colours_are_those_of_the_covariance_of_pixels_from_0_to_1(train):
    eigenvalues, eigenvectors = data.principal_colours(train)
    pixels = train.read(np.arange(18)).transpose(1, 0, 2, 3).reshape(3, -1) / 255
    covariance = np.cov(pixels, bias=True)
    # float64; both eigenvalues and covariance are below 1
    np.testing.assert_allclose(eigenvectors @ np.diag(eigenvalues) @ eigenvectors.T, covariance, atol=1e-13)
    np.testing.assert_allclose(eigenvectors.T @ eigenvectors, np.eye(3), atol=1e-13)
    assert eigenvalues[0] > eigenvalues[1] > eigenvalues[2] > 0
    assert all(column[np.abs(column).argmax()] > 0 for column in eigenvectors.T)


def test_grey_images_have_one_principal_colour():
    grey = np.random.default_rng(0).integers(0, 256, (20, 1, 5, 5), np.uint8)
    dataset = data.Dataset(np.repeat(grey, 3, axis=1), np.zeros(20, np.int64), "a", "grey")
    eigenvalues, eigenvectors = data.principal_colours(dataset)
    np.testing.assert_allclose(eigenvectors[:, 0], np.full(3, 3**-0.5), atol=1e-12)
    assert eigenvalues[0] == pytest.approx(3 * (grey / 255).var()) and np.abs(eigenvalues[1:]).max() < 1e-12


def test_colour_noise_of_zero_changes_nothing(train):
    fitted = data.Normalisation.fit(train)
    x = fitted(train.read(np.arange(5)))
    noise = data.ColourNoise.fit(train, fitted, std=0)
    assert noise(x, np.random.default_rng(0)).tobytes() == x.tobytes()


def test_colour_noise_is_one_colour_an_image_with_the_variance_of_the_paper(train):
    """In bytes it is 255 * (p1 a1 l1 + p2 a2 l2 + p3 a3 l3), a ~ N(0, 0.1)."""
    fitted = data.Normalisation.fit(train)
    noise = data.ColourNoise.fit(train, fitted)
    images = np.zeros((4000, 3, 2, 2))
    added = noise(images, np.random.default_rng(0))
    assert np.ptp(added, axis=(2, 3)).max() == 0 and not images.any()
    in_bytes = added[:, :, 0, 0] * fitted.std.ravel()
    eigenvalues, eigenvectors = data.principal_colours(train)
    draws = in_bytes @ eigenvectors / (255 * eigenvalues)
    # The standard deviation of 4000 draws is known to 1.1 %, their correlations to 0.016: 4 times that.
    np.testing.assert_allclose(draws.std(axis=0), 0.1, rtol=0.045)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.064
    assert np.abs(draws.mean(axis=0)).max() < 4 * 0.1 / 4000**0.5


def test_colour_noise_stays_in_the_plane_of_the_colours_that_occur():
    """Images of red and green only: blue never changes."""
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4), np.uint8)
    images[:, 2] = 17
    dataset = data.Dataset(images, np.zeros(9, np.int64), "a", "red and green")
    fitted = data.Normalisation.fit(dataset)
    x = fitted(images)
    y = data.ColourNoise.fit(dataset, fitted)(x, np.random.default_rng(1))
    # an eigenvalue that should be 0 is 1e-17 or so
    assert (
        np.abs(y[:, 2] - x[:, 2]).max() < 1e-6
        and np.abs(y[:, :2] - x[:, :2]).min(axis=(1, 2, 3)).max() > 1e-3
    )
    assert y.dtype == np.float32


def test_colour_noise_has_the_papers_deviation_unless_told_otherwise(train):
    fitted = data.ColourNoise.fit(train, data.Normalisation.fit(train))
    assert data.ColourNoise(np.eye(3)).std == fitted.std == 0.1


def test_colour_noise_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"components: expected \(C, C\), got shape \(3, 2\)"):
        data.ColourNoise(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="std: expected 0 or more, got -0.1"):
        data.ColourNoise(np.eye(3), -0.1)


# -- training ----------------------------------------------------------------------------------------------

CHOICES = {"epochs": 3, "batch_size": 7, "crop": CROP, "shorter_side": SIDES, "colour": 0.1, "lr": 0.02}


def small_trainer(folders, reporter=None, **choices):
    rng = np.random.default_rng(choices.pop("net", 0))
    net = Sequential(
        layers.Conv2d(3, 6, 3, padding=1, rng=rng),
        layers.BatchNorm(6),
        layers.ReLU(),
        layers.GlobalAvgPool2d(),
        layers.Linear(6, 3, rng=rng),
    )
    config = Config.for_data("folder", **CHOICES | choices)
    train, validation = data.hold_out(folders[0], 4, seed=0)
    return Trainer(net, config, train, {"validation": validation, "test": folders[1]}, reporter=reporter)


def test_a_network_learns_images_of_different_sizes_through_the_trainer(folders):
    trainer = small_trainer(folders, epochs=15, lr=0.1, schedule="constant")
    augment = trainer.batches.augment
    assert (augment.padding, augment.flip, augment.colour.std) == (0, True, 0.1)
    assert trainer.held_out["validation"].augment is None  # tested at the centre
    assert trainer.run()[-1]["train_error"] < 0.2  # chance: 0.67; seeds 0 to 4 have 0 to 0.07


def test_a_run_stopped_anywhere_goes_on_with_the_same_bits(folders, tmp_path):
    class Saver(Reporter):
        count = 0

        def batch_done(self):
            undisturbed.save(tmp_path / f"{self.count}.npz")
            self.count += 1

    undisturbed = small_trainer(folders, Saver())
    undisturbed.run()
    for number in (0, 1, 2, 5, 8):  # in the first epoch, in its evaluation, in the second
        again = small_trainer(folders, net=9)  # other weights: all must come from the checkpoint
        resume.restore(again, checkpoint.load(tmp_path / f"{number}.npz"))
        again.run()
        for name, array in undisturbed.arrays().items():
            assert array.tobytes() == again.arrays()[name].tobytes(), (number, name)


def test_a_run_goes_on_where_the_images_were_moved_to_but_not_with_others(folders, tmp_path):
    small_trainer(folders, epochs=1).run(tmp_path / "a.npz")
    saved = checkpoint.load(tmp_path / "a.npz")
    moved = data.read_image_folder(
        write_folders(tmp_path / "moved", train=6, test=2), crop=CROP, shorter_side=SIDES
    )
    resume.restore(small_trainer(moved, epochs=1), saved)
    path = moved[0].folder / "cow" / "001.png"
    path.write_bytes(path.read_bytes() + b"a longer file")
    with pytest.raises(ValueError, match="trained on other images"):
        resume.restore(small_trainer(moved, epochs=1), saved)


# -- the command -------------------------------------------------------------------------------------------

TRAIN = (
    "train --data folder --data-dir set --model resnet8 --epochs 1 --batch-size 8 --lr 0.02 --out a".split()
)


def test_train_and_eval_on_folders_of_different_sizes(capsys):
    write_folders("set", train=6, test=3)
    options = ("--crop", 12, "--shorter-side", "13,20", "--colour", 0.1, "--validation", 4)
    code, out, err = minires(capsys, *TRAIN, *options)
    assert code == 0 and len(err) == 1 and re.fullmatch(r"test accuracy \d+\.\d %", out[-1])
    config = json.loads(pathlib.Path("a/config.json").read_text())
    assert (config["crop"], config["shorter_side"], config["colour"]) == (12, [13, 20], 0.1)
    for more in ((), ("--shorter-side", "13"), ("--exact-statistics",), ("--crop", "13"), ("--ten-crop",)):
        code, lines, err = minires(capsys, "eval", "a/checkpoint.npz", *more)
        assert (code, err) == (0, []) and lines[0].startswith("resnet8, 9 images of set test")
        assert more or lines[-1] == out[-1]
    assert minires(capsys, "train", "--resume", "--out", "a")[1] == out


def test_without_augmentation_train_sees_the_centre_and_takes_no_colour(capsys):
    write_folders("set", train=2, test=1)
    assert minires(capsys, *TRAIN, "--crop", 12, "--no-augment")[0] == 0
    error = error_of(capsys, *TRAIN[:-1], "b", "--crop", "12", "--no-augment", "--colour", "0.1")
    assert error.startswith("--colour: is a part of the augmentation")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_leaves_a_run_that_can_be_resumed():
    write_folders("set", train=6, test=1)
    command = [sys.executable, "-m", "minires", *TRAIN, "--crop", "12", "--epochs", "200"]
    command += ["--schedule", "constant"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr.readline().startswith("epoch   1")
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
    assert child.returncode == 130 and "Traceback" not in rest
    assert "to continue: minires train --resume --out a" in rest
    checkpoint.load("a/checkpoint.npz")


WRONG = {  # what is wrong with the folder: what the line says
    "an empty class": "there are no images in .*dog; fill it or remove it",
    "a text file": r"notes\.txt: expected \.jpg, \.jpeg, \.png; move other files out",
    "a truncated jpeg": r"002\.JPEG is damaged",
    "a text in disguise": r"999\.png is no JPEG or PNG image",
    "a missing part": "expected .*test with one folder per class",
}


def spoil(root, how):
    if how == "an empty class":
        (root / "train" / "dog").mkdir()
    elif how == "a text file":
        (root / "train" / "ant" / "notes.txt").write_text("remember the milk")
    elif how == "a truncated jpeg":
        path = root / "train" / "bee" / "002.JPEG"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "a text in disguise":
        (root / "test" / "cow" / "999.png").write_text("no picture at all")
    else:
        (root / "test").rename(root / "elsewhere")


@pytest.mark.parametrize("how", WRONG)
def test_a_folder_that_is_wrong_is_one_line_at_the_command(how, capsys):
    spoil(write_folders("set", train=3, test=1), how)
    code, _, err = minires(capsys, *TRAIN, "--crop", 12)
    assert code == 2 and len(err) == 1 and re.match(f"minires: error: .*{WRONG[how]}", err[0]), err


@pytest.mark.parametrize(
    "options, message",
    [
        ("--crop 0", "--crop: expected at least 1, got 0"),
        ("--crop 12 --shorter-side 11,20", "so that the crop of 12 pixels fits, got 11 and 20"),
        ("--crop 12 --shorter-side 20,13", "two rising numbers"),
        ("--crop 12 --shorter-side 13", "--shorter-side: expected two lengths, got [13]"),
        ("--shorter-side 13,20", "--shorter-side: is for images that are cropped, and crop says how large"),
        ("--colour 0.1", "--colour: is for images that are cropped"),
        ("--crop 12 --colour -1", "--colour: expected at least 0"),
        ("--crop 12 --data cifar10", "crop: only folders of images are cropped (folder), not cifar10"),
        ("", "(--crop) to cut them while training"),
    ],
)
def test_options_that_do_not_fit_are_one_line_that_says_what_is_possible(options, message, capsys):
    write_folders("set", train=3, test=1)
    assert message in error_of(capsys, *TRAIN, *options.split())
    assert not pathlib.Path("a").exists()
