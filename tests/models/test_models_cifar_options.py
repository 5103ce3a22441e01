"""Options of the CIFAR ResNets: projections, shortcuts over one or three layers, stochastic depth."""

import numpy as np
import pytest
from residual_checks import (
    assert_every_shortcut_matters,
    assert_gradients,
    blocks,
    images,
    parameters,
    rng,
    strides,
)

from minires import models
from minires.init import SHAPES_ONLY
from minires.layers import BatchNorm, ReLU, Sequential, StochasticDepth, survival_probabilities


def test_projections_add_2_752_parameters_to_a_cifar_network_of_any_depth():
    for depth in (20, 110):
        a, b = (parameters(models.cifar_resnet(depth=depth, shortcut=o, rng=SHAPES_ONLY)) for o in ("A", "B"))
        assert b - a == 2_752


@pytest.mark.parametrize("option", "BC")
def test_gradients_and_shortcuts_of_a_cifar_network_with_projections(option):
    net = models.cifar_resnet(depth=14, shortcut=option, rng=rng())
    assert_gradients(net, images(2, 3, 12, 8))
    projected = [path for path, block in blocks(net) if type(block.shortcut) is Sequential]
    assert projected == ([path for path, _ in blocks(net)] if option == "C" else ["stage2.0", "stage3.0"])
    with pytest.raises(ValueError, match="shortcut: expected one of A, B, C, got 'b'"):
        models.cifar_resnet(depth=14, shortcut="b", rng=rng())


def test_projections_leave_the_weights_of_the_first_stage_as_they_were():
    """Later ones come from later draws; the names of the branches are the same throughout."""
    a, b = (models.cifar_resnet(depth=14, shortcut=o, rng=rng()).state_dict() for o in "AB")
    assert [name for name in b if ".shortcut." not in name] == list(a)
    first = [name for name in a if name.startswith("stage1")]
    assert first and all(a[name].tobytes() == b[name].tobytes() for name in first)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_shortcut_may_skip_one_layer_or_three(layers):
    net = models.cifar_resnet(depth=20, layers_per_block=layers, rng=rng())
    assert parameters(net) == 269_722  # the same convolutions, only framed otherwise
    assert [len(net[f"stage{i}"]) for i in (1, 2, 3)] == [6 // layers] * 3
    for path, block in blocks(net):
        halves = path in ("stage2.0", "stage3.0")
        assert strides(block.branch) == [(3, 2 if halves else 1)] + [(3, 1)] * (layers - 1)
        assert isinstance(block.branch[-1], BatchNorm)
    assert_every_shortcut_matters(net, [block for _, block in blocks(net)], images(2, 3, 12, 8, np.float32))
    assert_gradients(net, images(2, 3, 12, 8))


@pytest.mark.parametrize(
    "layers, depth, message",
    [
        (1, 21, r"depth: expected 3n \+ 2 \(5, 8, 11, ...\), got 21; the nearest are 20, 23"),
        (2, 23, r"depth: expected 6n \+ 2 \(8, 14, 20, ...\), got 23; the nearest are 20, 26"),
        (3, 23, r"depth: expected 9n \+ 2 \(11, 20, 29, ...\), got 23; the nearest are 20, 29"),
        (0, 20, "layers_per_block: expected an integer >= 1, got 0"),
        (2, "20", r"depth: expected 6n \+ 2 .*, got '20'"),
    ],
)
def test_a_wrong_depth_is_answered_with_the_nearest_possible(layers, depth, message):
    with pytest.raises(ValueError, match=message):
        models.cifar_resnet(depth=depth, layers_per_block=layers, rng=rng())


def test_survival_probabilities_of_the_blocks_are_the_linear_rule():
    """1 - l/L * (1 - p_L), l = 1 ... L; Huang et al. 2016, equation 4."""
    net = models.cifar_resnet(depth=110, survival=0.5, placement="mean", rng=SHAPES_ONLY)
    units = [block for _, block in blocks(net)]
    assert all(type(unit) is StochasticDepth for unit in units)
    # divided in another order than the library does: rounding
    np.testing.assert_allclose([unit.survival for unit in units], [1 - i / 108 for i in range(1, 55)])
    assert units[-1].survival == 0.5
    assert [unit.survival for unit in units] == survival_probabilities(54, 0.5)
    assert all(
        type(unit.after) is ReLU for unit in units
    )  # outside: it acts whether the branch is there or not


def test_the_listed_stochastic_network_is_the_papers():
    net = models.build("resnet110_stochastic", rng=SHAPES_ONLY)
    assert [block.survival for _, block in blocks(net)] == survival_probabilities(54, 0.5)


def test_stochastic_depth_drops_whole_branches_and_nothing_else():
    net = models.cifar_resnet(depth=20, survival=0.3, rng=rng())
    x = images(2, 3, 12, 8, np.float32)
    drops = {path: 0 for path, _ in blocks(net)}
    for _ in range(20):
        y, cache = net.forward(x, train=True)
        net.zero_grad()
        net.backward(rng(7).standard_normal(y.shape).astype(np.float32), cache)
        for path, block in blocks(net):
            reached = {bool(p.grad.any()) for _, p in block.branch.named_parameters()}
            assert len(reached) == 1  # the gradient reaches all of a branch or nothing
            drops[path] += not reached.pop()
        assert net["fc"].weight.grad.any() and net["conv"].weight.grad.any()
    # of 20 draws, 1.6 and 14 are expected; the seed is fixed
    assert drops["stage1.0"] < 8 < drops["stage3.2"]


def test_stochastic_depth_keeps_weights_names_and_gradients():
    whole = models.cifar_resnet(depth=14, rng=rng())
    net = models.cifar_resnet(depth=14, survival=0.5, rng=rng())
    a, b = whole.state_dict(), net.state_dict()
    assert list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)
    assert_gradients(net, images(2, 3, 12, 8), train=False)
    for _, block in blocks(net):
        block.survival = 1.0
    x = images(2, 3, 12, 8, np.float32)
    np.testing.assert_array_equal(net.predict(x), whole.predict(x))


@pytest.mark.parametrize("survival", [0, 1.5, -1])
def test_a_survival_must_be_a_probability(survival):
    with pytest.raises(ValueError, match="0 < last <= 1, got 9 and"):
        models.cifar_resnet(depth=20, survival=survival, rng=rng())
