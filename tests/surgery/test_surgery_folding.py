"""A folded network predicts what the network predicts, in fewer passes, and leaves it alone."""

import numpy as np
import pytest

from minires import models, probe
from minires.catalogue import randomize
from minires.layers import (
    BatchNorm,
    Conv2d,
    GatedResidual,
    MaxPool2d,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    StochasticDepth,
    freeze,
)
from minires.surgery import fold


def randomised(*parts):
    """A Sequential whose batch norms have seen something."""
    return randomize(Sequential(*parts).astype(np.float64), np.random.default_rng(5))


def folded_chains(rng):
    yield randomised(Conv2d(3, 4, 3, padding=1, bias=False, rng=rng), BatchNorm(4), ReLU())
    yield randomised(Conv2d(3, 4, (3, 2), stride=2, rng=rng), BatchNorm(4, eps=0.3))
    yield randomised(Conv2d(3, 4, 1, rng=rng), ReLU(), BatchNorm(4))  # the norm does not come after it
    yield randomised(Conv2d(3, 6, 3, padding=2, groups=3, rng=rng), BatchNorm(6), ReLU(), ReLU())
    yield randomised(Conv2d(3, 4, 3, rng=rng), BatchNorm(4), Conv2d(4, 3, 3, rng=rng), BatchNorm(3), ReLU())
    yield randomised(BatchNorm(3), ReLU(), Conv2d(3, 4, 3, rng=rng))
    yield randomised(Conv2d(3, 4, 3, padding=1, dilation=(3, 2), rng=rng), BatchNorm(4), ReLU())
    yield randomised(Conv2d(3, 4, 3, padding=1, rng=rng), BatchNorm(4), ReLU(), MaxPool2d(2), ReLU())


@pytest.mark.parametrize("chain", range(8))
def test_folding_puts_batch_norm_and_relu_into_the_convolution_before_them(chain):
    rng = np.random.default_rng(0)
    net = list(folded_chains(rng))[chain]
    x = rng.standard_normal((4, 3, 8, 9))
    before = {name: array.copy() for name, array in net.state_dict().items()}
    # float64: a product is rounded before the sum instead of after it
    np.testing.assert_allclose(fold(net).predict(x), net.forward(x, train=False)[0], rtol=1e-12, atol=1e-12)
    assert all((array == before[name]).all() for name, array in net.state_dict().items())


def test_a_folded_norm_of_other_channels_is_refused_as_in_forward():
    net = Sequential(Conv2d(3, 4, 3, rng=np.random.default_rng(0)), BatchNorm(5))
    x = np.zeros((2, 3, 5, 5), np.float32)
    for run in (fold(net).predict, lambda x: net.forward(x, train=False)):
        with pytest.raises(ValueError, match="x has 4 channels, but this layer normalises 5"):
            run(x)


def test_what_is_derived_from_a_folded_layer_is_asked_itself():
    class Doubled(Conv2d):
        def forward(self, x, *, train):
            y, cache = super().forward(x, train=train)
            return 2 * y, cache

    class Negated(BatchNorm):
        def forward(self, x, *, train):
            y, cache = super().forward(x, train=train)
            return -y, cache

    class Leaky(ReLU):
        def forward(self, x, *, train):
            return np.maximum(x, 0.1 * x), (x,)

    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 5, 5))
    for kinds in ((Doubled, BatchNorm, ReLU), (Conv2d, Negated, ReLU), (Conv2d, BatchNorm, Leaky)):
        conv, norm, relu = kinds
        for net in (
            randomised(conv(3, 4, 3, rng=rng), norm(4), relu()),
            randomised(conv(3, 4, 3, rng=rng), relu()),
        ):
            np.testing.assert_allclose(
                fold(net).predict(x), net.forward(x, train=False)[0], rtol=1e-12, atol=1e-12
            )
        block = randomised(conv(3, 3, 3, padding=1, rng=rng), norm(3))
        block = Residual(block, after=relu())
        np.testing.assert_allclose(
            fold(block).predict(x), block.forward(x, train=False)[0], rtol=1e-12, atol=1e-12
        )
        lone = conv(3, 4, 3, rng=rng).astype(np.float64)
        np.testing.assert_array_equal(fold(lone).predict(x), lone.forward(x, train=False)[0])


def test_folding_spares_the_passes_of_norm_and_relu(monkeypatch):
    rng = np.random.default_rng(0)
    net = Sequential(Conv2d(3, 4, 3, rng=rng), BatchNorm(4), ReLU())
    x = rng.standard_normal((2, 3, 5, 5), dtype=np.float32)
    block = Residual(Conv2d(3, 3, 1, rng=rng), after=ReLU())
    for layer in (net[1], net[2], block.after):
        monkeypatch.setattr(layer, "forward", lambda *_, **__: pytest.fail("a pass of its own"))
    assert (fold(net).predict(x) >= 0).all() and (fold(block).predict(x) >= 0).all()


@pytest.mark.parametrize(
    "name, size", [("resnet20", 16), ("preresnet18", 64), ("googlenet", 64), ("rir20", 16), ("resnet18", 64)]
)
def test_a_folded_network_of_the_zoo_predicts_the_same(name, size):
    rng = np.random.default_rng(0)
    net = randomize(models.build(name, num_classes=3, rng=rng), rng).astype(np.float64)
    x = rng.standard_normal((2, 3, size, size))
    expected = net.forward(x, train=False)[0]
    # float64: a product is rounded before the sum instead of after it, in up to 60 layers
    np.testing.assert_allclose(fold(net).predict(x), expected, rtol=1e-9, atol=1e-9 * abs(expected).max())


def test_a_network_with_heads_is_folded_too():
    rng = np.random.default_rng(0)
    net = models.build("googlenet_bn", num_classes=3, aux=True, rng=rng).astype(np.float64)
    randomize(net, rng)
    x = rng.standard_normal((1, 3, 64, 64))
    folded = fold(net)
    assert not [layer for _, layer in folded.named_layers() if type(layer) is Sequential]
    expected = net.predict(x)
    # float64: a product is rounded before the sum instead of after it, in some 20 layers
    np.testing.assert_allclose(folded.predict(x), expected, rtol=1e-9, atol=1e-9 * abs(expected).max())


def test_a_folded_network_follows_the_one_it_was_made_from():
    rng = np.random.default_rng(0)
    net = models.build("resnet8", num_classes=3, in_channels=1, rng=rng).astype(np.float64)
    folded, x = fold(net), rng.standard_normal((4, 1, 8, 8))
    names = list(net.state_dict())
    for _ in range(2):
        net.forward(x, train=True)  # moves the averages
        for _, parameter in net.named_parameters():
            parameter.data *= 0.9
        np.testing.assert_allclose(folded.predict(x), net.predict(x), rtol=1e-11, atol=1e-12)
    assert list(net.state_dict()) == names


def test_a_folded_network_only_predicts():
    net = fold(models.build("resnet8", num_classes=3, rng=np.random.default_rng(0)))
    x = np.zeros((2, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match="only predicts"):
        net.forward(x, train=True)
    y, cache = net.forward(x, train=False)
    with pytest.raises(ValueError, match="only predicts"):
        net.backward(y, cache)


def test_a_folded_network_names_the_sizes_that_it_can_take():
    net = models.build("resnet18", rng=np.random.default_rng(0))
    x = np.zeros((1, 4, 9, 9), np.float32)
    with pytest.raises(ValueError) as plain:
        net.predict(x)
    with pytest.raises(ValueError) as folded:
        fold(net).predict(x)
    assert str(folded.value) == str(plain.value)


def test_folding_a_watched_network_leaves_its_watchers():
    net = models.build("resnet8", num_classes=3, rng=np.random.default_rng(0))
    x = np.zeros((2, 3, 8, 8), np.float32)
    with probe.watch(net, probe.Statistics()) as seen:
        fold(net).predict(x)
        net.forward(x, train=False)
    assert len(seen.names()) == len(list(net.named_layers()))


def blocks_that_are_copied(rng):
    """What `fold` copies with other parts, instead of making another layer of it."""
    parts = Conv2d(3, 3, 3, padding=1, rng=rng), BatchNorm(3), ReLU()
    yield StochasticDepth(Sequential(*parts), survival=0.6, rng=rng)
    gate = Sequential(Conv2d(3, 3, 1, rng=rng), BatchNorm(3), Sigmoid())
    yield GatedResidual(Sequential(*parts), gate)


@pytest.mark.parametrize("kind", range(2))
def test_folding_a_block_leaves_the_block_and_its_watchers(kind):
    rng = np.random.default_rng(0)
    block = randomize(list(blocks_that_are_copied(rng))[kind], rng).astype(np.float64)
    x, before = rng.standard_normal((2, 3, 5, 4)), dict(block.named_layers())
    expected = block.forward(x, train=False)[0]
    with probe.watch(block, probe.Statistics()) as seen:
        folded = fold(block)
        np.testing.assert_allclose(folded.predict(x), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(folded.forward(x, train=False)[0], expected, rtol=1e-12, atol=1e-12)
        # the layers that both share are watched; the block and its branch have not been called
        assert not [name for name in seen.names() if name.startswith("branch")]
    assert len(folded.branch) == 1  # of three
    assert dict(block.named_layers()) == before


def test_folding_a_frozen_stem_of_ones_own_calls_it():
    class Doubled(Conv2d):
        def forward(self, x, *, train):
            y, cache = super().forward(x, train=train)
            return 2 * y, cache

    rng = np.random.default_rng(0)
    net = Sequential(freeze(Doubled(3, 4, 3, rng=rng)), BatchNorm(4), ReLU())
    x = rng.standard_normal((2, 3, 5, 5), np.float32)
    np.testing.assert_array_equal(fold(net).predict(x), net.predict(x))
