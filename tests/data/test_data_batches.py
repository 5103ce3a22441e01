"""Batches: complete, counted randomness, the same bits however they are resumed, no thread left behind."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from places import TESTS

from minires import data

RNG = np.random.default_rng(0)
TOY = data.Dataset(RNG.integers(0, 256, (23, 3, 6, 6), np.uint8), np.arange(23) % 5, tuple("abcde"), "toy")
FITTED = data.Normalisation.fit(TOY)


def batches(dataset=TOY, **changes):
    return data.Batches(dataset, **{"batch_size": 4, "seed": 7, "normalisation": FITTED, **changes})


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("minires-batches")]


def same(one, other):
    one, other = list(one), list(other)
    return len(one) == len(other) and all(
        np.array_equal(a, b) and np.array_equal(k, m) for (a, k), (b, m) in zip(one, other, strict=True)
    )


def test_an_epoch_holds_every_image_once_with_its_label():
    content = list(batches().epoch(0))
    assert len(content) == len(batches()) == 6 and content[-1][0].shape == (3, 3, 6, 6)
    x, labels = (np.concatenate(arrays) for arrays in zip(*content, strict=True))
    assert x.dtype == np.float32 and labels.dtype == np.int64
    whole = sorted(
        (bytes(image), int(label)) for image, label in zip(FITTED(TOY.images), TOY.labels, strict=True)
    )
    assert sorted((bytes(image), int(label)) for image, label in zip(x, labels, strict=True)) == whole


def test_drop_last_leaves_out_the_smaller_batch():
    short = batches(drop_last=True)
    assert len(short) == 5 and all(len(labels) == 4 for _, labels in short.epoch(0))


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_single_image_that_is_left_over_joins_the_batch_before(shuffle):
    """Batch norm has no statistics of one value. 23 images: 11 and 11 and 1; 22 and 1; 1 each; one batch."""
    for size, sizes in ((11, [11, 12]), (22, [23]), (1, [1] * 23), (23, [23]), (24, [23]), (21, [21, 2])):
        made = batches(batch_size=size, shuffle=shuffle)
        content = list(made.epoch(2))
        assert [len(labels) for _, labels in content] == sizes and len(made) == len(sizes)
        assert made.largest == max(size, *sizes)
        images = np.concatenate([x for x, _ in content])
        assert sorted(map(bytes, images)) == sorted(map(bytes, FITTED(TOY.images)))
        assert same(content[1:], made.epoch(2, 1)) and list(made.epoch(2, len(made))) == []
    assert [len(labels) for _, labels in batches(batch_size=11, drop_last=True).epoch(0)] == [11, 11]


def test_one_image_alone_is_a_batch():
    alone = batches(TOY.take(slice(0, 1)))
    assert len(alone) == 1 and len(list(alone.epoch(0))) == 1


def test_without_shuffling_the_order_is_that_of_the_data_set():
    x, labels = next(batches(shuffle=False, prefetch=0).epoch(3))
    assert np.array_equal(x, FITTED(TOY.images[:4])) and labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("start", [0, 1, 4, 6])
def test_an_epoch_resumed_in_the_middle_has_the_same_bits(start):
    """By a new object, as after a crash: there is no state but (seed, epoch, batch)."""
    whole = list(batches(augment=data.Augmentation(2)).epoch(5))
    assert same(whole[start:], batches(augment=data.Augmentation(2)).epoch(5, start))


@pytest.mark.parametrize("prefetch", [1, 2, 30])
def test_the_background_thread_changes_no_bit(prefetch):
    augment = data.Augmentation(2)
    assert same(
        batches(augment=augment, prefetch=0).epoch(1), batches(augment=augment, prefetch=prefetch).epoch(1)
    )


def test_epochs_and_seeds_differ_in_order_and_augmentation():
    first = list(batches().epoch(0))
    assert not same(first, batches().epoch(1)) and not same(first, batches(seed=8).epoch(0))
    # one image, repeated: only the augmentation can make a difference, between batches and between epochs
    one = data.Dataset(np.repeat(TOY.images[:1], 8, axis=0), np.zeros(8, np.int64), ("a",), "one")
    a, b = (list(batches(one, augment=data.Augmentation(2)).epoch(e)) for e in (0, 1))
    assert not np.array_equal(a[0][0], a[1][0]) and not np.array_equal(a[0][0], b[0][0])


def test_the_order_and_the_first_augmentation_do_not_share_a_generator():
    """NumPy gives [seed, e] and [seed, e, 0] the same stream, a trap of counted seeds."""
    order = np.random.default_rng([7, 0, 0])
    seen = []
    list(
        batches(augment=lambda x, rng: seen.append(rng.bit_generator.state["state"]) or x, prefetch=0).epoch(
            0
        )
    )
    states = [s["state"] for s in seen]
    assert order.bit_generator.state["state"]["state"] not in states and len(set(states)) == 6


def test_float64_is_handed_out_when_asked():
    assert next(batches(dtype=np.float64, prefetch=0).epoch(0))[0].dtype == np.float64


def test_an_error_in_the_background_reaches_the_consumer_at_its_batch():
    def augment(x, rng):
        if len(x) == 3:  # the last batch
            raise OSError("no space in the background")
        return x

    arrived = 0
    with pytest.raises(OSError, match="no space in the background"):
        for _ in batches(augment=augment).epoch(0):
            arrived += 1
    assert arrived == 5 and not workers()


def test_labels_that_went_out_of_range_later_are_refused():
    dataset = data.Dataset(TOY.images, TOY.labels.copy(), TOY.class_names, "toy")
    made = batches(dataset)
    dataset.labels[3] = 5
    with pytest.raises(ValueError, match="expected labels 0 to 4"):
        list(made.epoch(0))


def test_leaving_the_loop_early_or_closing_ends_the_thread():
    for _ in batches().epoch(0):
        assert workers()
        break
    assert not workers()
    iterator = batches().epoch(0)
    next(iterator)
    iterator.close()
    assert not workers()
    batches().epoch(0)  # never begun: no thread was started
    assert not workers()


def test_a_program_that_ends_within_an_epoch_does_not_hang():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from test_data_batches import batches\n"
        "iterator = batches().epoch(0); next(iterator); keep = [iterator]; keep.append(keep)\n"
        "raise SystemExit(7)"
    )
    folders = str(TESTS), str(TESTS / "data")
    assert subprocess.run([sys.executable, "-c", code, *folders], timeout=30).returncode == 7


def test_no_more_batches_are_prepared_than_asked_for():
    made = []
    iterator = batches(augment=lambda x, rng: made.append(len(x)) or x, prefetch=2).epoch(0)
    next(iterator)
    next(iterator)
    iterator.close()
    assert 2 <= len(made) <= 4  # the two taken, and at most two ahead


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"batch_size": 0}, ValueError, "batch_size: expected 1 or more, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size: expected an integer, got 2.0"),
        ({"batch_size": True}, TypeError, "batch_size"),
        ({"seed": -1}, ValueError, "seed: expected 0 or more"),
        ({"seed": None}, TypeError, "seed: expected an integer"),
        ({"prefetch": -1}, ValueError, "prefetch"),
        ({"batch_size": 24, "drop_last": True}, ValueError, "leaves no batch of 23 images"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        batches(**changes)


def test_epoch_and_start_are_checked_when_asked_not_at_the_first_batch():
    with pytest.raises(ValueError, match="an epoch has 6 batches"):
        batches().epoch(0, 7)
    with pytest.raises(ValueError, match="epoch: expected 0 or more"):
        batches().epoch(-1)
    other = data.Normalisation.fit(data.load("digits")[0])
    with pytest.raises(ValueError, match="fitted to images"):
        batches(normalisation=other)


def test_a_batch_larger_than_the_data_set_is_the_whole_set():
    content = list(batches(batch_size=100).epoch(0))
    assert len(content) == 1 and len(content[0][1]) == 23
