"""How a user writes it: these lines run, and CI checks their types (see setup.cfg).

A type checker must take each line as it is, and complain where `type: ignore` says so: it reports an ignore
that is of no use.
"""

import numpy as np

import minires.functional as F
from minires import data, gradcheck, models, optim, probe, surgery
from minires.data import Dataset
from minires.layers import ReLU
from minires.models.network import Network
from minires.typing import Array, Cache

RNG = np.random.default_rng(0)


def scale(x: Array, factor: Array) -> tuple[Array, Cache]:
    return x * factor, (x, factor)


def scale_backward(dy: Array, cache: Cache) -> tuple[Array, Array]:
    x, factor = cache
    return dy * factor, (dy * x).sum(axis=0)


def test_a_pair_of_ones_own_is_checked() -> None:
    inputs = [RNG.standard_normal((4, 3)), RNG.standard_normal(3)]
    assert gradcheck.check_function(scale, scale_backward, inputs, rng=RNG).raise_if_wrong().ok


def test_arrays_have_methods_and_operators_and_go_into_numpy() -> None:
    x = RNG.standard_normal((2, 3, 5, 5))
    y, cache = F.conv2d_forward(x, np.ones((4, 3, 3, 3)), padding=1)
    shape: tuple[int, ...] = ((y + 1) * -y > 0).any(axis=0).shape
    assert shape == (4, 5, 5) and float(np.maximum(y, 0).max()) == float(F.relu_forward(y)[0].max())
    dx, dweight, dbias = F.conv2d_backward(np.ones_like(y), cache)
    assert dx is not None and dx.shape == x.shape and dweight.T.ndim == 4 and dbias is None


def test_a_wrong_argument_is_an_error_before_it_runs() -> None:
    x = np.ones((1, 1, 3, 3))
    for wrong in (
        lambda: F.conv2d_forward(x, x, strides=2),  # type: ignore[call-arg]
        lambda: F.relu_forward.textbook(x, x),  # type: ignore[call-arg]
        lambda: optim.Steps(0.1, 5),  # type: ignore[arg-type]
    ):
        try:
            wrong()
        except TypeError:
            continue
        raise AssertionError("expected a TypeError")


def test_a_network_learns() -> None:
    train, test = data.load("digits")
    few: Dataset = train.take(range(64))
    normalise = data.Normalisation.fit(train)
    batches = data.Batches(few, batch_size=32, seed=0, normalisation=normalise)
    net: Network = models.build("resnet8", in_channels=1, rng=RNG)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9)
    schedule: optim.Schedule = optim.Cosine(0.1, total=len(batches))
    for step, (images, labels) in enumerate(batches.epoch(0)):
        optimiser.lr = schedule(step)
        logits, cache = net.forward(images, train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels)
        optimiser.zero_grad()
        net.backward(F.softmax_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.step()
    with probe.watch(net, probe.Statistics()) as seen:
        net.forward(normalise(test.images[:2]), train=False)
    variances: list[float] = seen.series("variance", ReLU)
    assert len(variances) > 5
    same: Network = surgery.replace_head(net, 3, rng=RNG)  # what comes out has the class of what goes in
    assert same.predict(normalise(test.images[:2])).argmax(axis=1).shape == (2,)
