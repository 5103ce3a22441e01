"""The loss of networks with several answers, and training within a limit of memory."""

import numpy as np
import pytest

import minires.functional as F
from minires import models
from minires.accounting import memory
from minires.data import Dataset
from minires.layers import Sequential
from minires.train import Config
from minires.train.loop import Trainer
from minires.train.memory import in_bytes
from minires.train.objective import cross_entropy


def images(count=24, size=16, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 3, size, size), np.uint8)
    return Dataset(pixels, rng.integers(0, 4, count), ("a", "b", "c", "d"), "random images")


def trained(**choices):
    """Return the state of a ResNet-20 after one epoch of three steps, and its segments."""
    config = Config(model="resnet20", epochs=1, batch_size=8, augment=False, schedule="constant", **choices)
    net = models.build("resnet20", num_classes=4, rng=np.random.default_rng(0))
    trainer = Trainer(net, config, images(), {"test": images(8)})
    trainer.run()
    segments = [net[stage].segment for stage in ("stage1", "stage2", "stage3")]
    return {name: array.tobytes() for name, array in trainer.arrays().items()}, segments


def test_one_answer_is_plain_cross_entropy():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    expected, cache = F.softmax_cross_entropy_forward(logits, labels, label_smoothing=0.1)
    answer, loss, dy = cross_entropy(logits, labels, label_smoothing=0.1)
    assert answer is logits and loss == expected
    np.testing.assert_array_equal(dy, F.softmax_cross_entropy_backward(1.0, cache))


def test_several_answers_add_up_with_their_weights():
    rng = np.random.default_rng(0)
    answers, labels = tuple(rng.standard_normal((3, 5, 4))), rng.integers(0, 4, 5)
    weights = (1, 0.3, 0.2)
    logits, loss, dy = cross_entropy(answers, labels, weights=weights)
    assert logits is answers[0] and isinstance(dy, tuple)
    losses = [cross_entropy(answer, labels)[1:] for answer in answers]
    assert loss == pytest.approx(sum(w * one for w, (one, _) in zip(weights, losses, strict=True)))
    for found, weight, (_, expected) in zip(dy, weights, losses, strict=True):
        np.testing.assert_allclose(found, weight * expected, rtol=1e-14)  # one rounding
    with pytest.raises(ValueError):
        cross_entropy(answers, labels)  # three answers, one weight


def test_a_limit_of_memory_leaves_every_bit_as_it_was():
    net = models.build("resnet20", num_classes=4, rng=np.random.default_rng(0))
    needs = memory.training_memory(net, (8, 3, 16, 16))
    copies = needs.weights + needs.velocities
    plain, none = trained()
    # of the remembered 6 MB the first two stages hold four fifths
    limited, segments = trained(memory=f"{(needs.peak + copies - 1e6) / 1e6}MB")
    assert none == [None] * 3 and segments[0] is not None
    assert limited == plain


def test_the_limit_is_a_size():
    assert in_bytes("6GiB") == 6 * 2**30 and in_bytes("1.5 MB") == 1.5e6
    assert in_bytes("2GB") == 2e9 and in_bytes("3MiB") == 3 * 2**20
    for wrong in ("6", "6G", "GiB", "-1GiB", "1e9MB"):
        with pytest.raises(ValueError, match="such as 6GiB, got"):
            Config(memory=wrong)


def test_too_small_a_limit_says_what_is_needed():
    with pytest.raises(ValueError, match="needs .* MiB.*take a smaller batch"):
        trained(memory="1MB")


def test_a_network_without_stages_cannot_be_cut():
    net = Sequential(models.build("resnet20", num_classes=4, rng=np.random.default_rng(0)))
    with pytest.raises(ValueError, match="take a smaller batch"):
        memory.fit(net, (8, 3, 16, 16), 1e6)
