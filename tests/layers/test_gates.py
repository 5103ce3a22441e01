"""Gates weigh the paths they say they weigh, and their gradients follow the product rule."""

import numpy as np
import pytest
from optional_torch import import_torch
from oracles import assert_refused

import minires.functional as F
from minires.catalogue import LayerRow
from minires.catalogue.blocks import IMAGE, branch, gate
from minires.gradcheck import check_function
from minires.layers import (
    Conv2d,
    GatedResidual,
    Identity,
    Layer,
    Linear,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
)
from minires.layers.gated import GATINGS

gatings = pytest.mark.parametrize("gating", GATINGS)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def rng(seed=0):
    return np.random.default_rng(seed)


def draw(*shape, seed=1, dtype=np.float64):
    return rng(seed).standard_normal(shape).astype(dtype)


class Constant(Layer):
    """The same number everywhere, whatever x is: a gate at a chosen opening, or a branch F = 0."""

    def __init__(self, value):
        self.value = value

    def forward(self, x, *, train):
        return np.full_like(x, self.value), x.shape

    def backward(self, dy, cache):
        return np.zeros(cache, dy.dtype)


# -- the pairs ---------------------------------------------------------------------------------------


def three(seed=0):
    """A branch, a shortcut and a gate between 0 and 1, of a non-square image."""
    a, b, g = (draw(2, 3, 4, 5, seed=seed + i) for i in range(3))
    return a, b, 1 / (1 + np.exp(-g))


def test_the_exclusive_gate_gives_one_path_what_it_takes_from_the_other():
    a, b, g = three()
    y, _ = F.gate_forward(a, b, g)
    np.testing.assert_allclose(y, g * a + (1 - g) * b, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(F.gate_forward(a, b, np.ones_like(g))[0], a)
    np.testing.assert_array_equal(F.gate_forward(a, b, np.zeros_like(g))[0], b)
    # of two equal paths nothing is lost: the weights add up to 1, but for their last bit
    np.testing.assert_allclose(F.gate_forward(a, a, g)[0], a, rtol=4e-16)


def test_the_shortcut_gate_leaves_the_branch_alone():
    a, b, g = three()
    y, _ = F.shortcut_gate_forward(a, b, g)
    np.testing.assert_allclose(y, a + (1 - g) * b, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(F.shortcut_gate_forward(a, b, np.ones_like(g))[0], a)
    np.testing.assert_array_equal(F.shortcut_gate_forward(a, b, np.zeros_like(g))[0], b + a)
    dy = draw(2, 3, 4, 5, seed=9)
    assert F.shortcut_gate_backward(dy, F.shortcut_gate_forward(a, b, g)[1])[0] is dy


@pytest.mark.parametrize("pair", ["gate", "shortcut_gate", "scale"])
def test_gradients_of_the_pairs_equal_numeric_ones(pair):
    forward, backward = getattr(F, f"{pair}_forward"), getattr(F, f"{pair}_backward")
    inputs = three()
    if pair == "scale":
        inputs = inputs[:1]
        check_function(lambda x: forward(x, factor=0.3), backward, inputs, rng=rng()).raise_if_wrong()
    else:
        check_function(forward, backward, inputs, rng=rng()).raise_if_wrong()


@pytest.mark.parametrize("pair", ["gate", "shortcut_gate"])
def test_the_pairs_refuse_what_does_not_fit(pair):
    a, b, g = three()
    forward, backward = getattr(F, f"{pair}_forward"), getattr(F, f"{pair}_backward")
    assert_refused(lambda: forward(a, b[:1], g), "shortcut: expected the shape (2, 3, 4, 5)")
    assert_refused(lambda: forward(a, b, g[:, :1]), "gate: expected the shape", "element by element")
    assert_refused(lambda: forward(a, b, g.astype(np.float32)), "branch is float64 and gate is float32")
    cache = forward(a, b, g)[1]
    assert_refused(lambda: backward(g[:1], cache), "dy: expected the shape")


# -- the layers --------------------------------------------------------------------------------------


@gatings
@modes
def test_a_gated_block_equals_its_formula_in_pytorch(gating, train):
    torch = import_torch()
    row = LayerRow(
        "GatedResidual", gating, lambda rng: GatedResidual(branch(rng), gate(rng), gating=gating), IMAGE
    )
    block, x = row.make(np.float64)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 3, (3, 1), padding=(1, 0), bias=False),
        torch.nn.BatchNorm2d(3),
        torch.nn.Conv2d(3, 3, 1),
    ).double()
    theirs.train(train)
    pairs = list(zip(block.named_parameters(), theirs.named_parameters(), strict=True))
    buffers = [b for n, b in theirs.named_buffers() if "batches" not in n]
    with torch.no_grad():
        for (_, p), (_, t) in pairs:
            t.copy_(torch.from_numpy(p.data))
        for (_, b), t in zip(block.named_buffers(), buffers, strict=True):
            t.copy_(torch.from_numpy(b.data))
    their_x = torch.from_numpy(x.copy()).requires_grad_()
    g = torch.sigmoid(theirs[5](their_x))
    f = theirs[:5](their_x)
    expected = g * f + (1 - g) * their_x if gating == "exclusive" else f + (1 - g) * their_x
    y, cache = block.forward(x, train=train)
    dy = draw(*y.shape, seed=8)
    dx = block.backward(dy, cache)
    expected.backward(torch.from_numpy(dy))
    # two dozen float64 operations in another order; 1e-14 is reached
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(dx, their_x.grad.numpy(), rtol=1e-8, atol=1e-10)
    for (name, p), (_, t) in pairs:
        np.testing.assert_allclose(p.grad, t.grad.numpy(), rtol=1e-8, atol=1e-10, err_msg=name)


@gatings
def test_the_weights_of_both_paths_come_from_one_gate_and_add_up_to_one(gating):
    """Read off the weights by letting one path carry ones and the other nothing."""
    x = draw(2, 3, 4, 5)
    one_gate = gate(rng()).astype(np.float64)

    def weight(on_branch, on_shortcut):
        return GatedResidual(Constant(on_branch), one_gate, Constant(on_shortcut), gating=gating).predict(x)

    g = one_gate.predict(x)
    assert 0.01 < g.min() < 0.5 < g.max() < 0.99  # a gate that decides element by element
    expected = g if gating == "exclusive" else np.ones_like(g)
    np.testing.assert_array_equal(weight(1, 0), expected)
    np.testing.assert_array_equal(weight(0, 1), 1 - g)
    if gating == "exclusive":  # but for the last bit of 1 - g
        np.testing.assert_allclose(weight(1, 0) + weight(0, 1), 1, rtol=3e-16)


@gatings
def test_every_path_sends_its_own_share_of_the_gradient(gating):
    x, dy = draw(2, 3, 4, 5), draw(2, 3, 4, 5, seed=7)
    inner, half = gate(rng(3)).astype(np.float64), Constant(0.5)
    fraction = 0.5 if gating == "exclusive" else 1.0

    def gradient(branch, gate, shortcut):
        block = GatedResidual(branch, gate, shortcut, gating=gating)
        return block.backward(dy, block.forward(x, train=True)[1])

    np.testing.assert_array_equal(gradient(Identity(), half, Constant(3)), fraction * dy)
    np.testing.assert_array_equal(gradient(Constant(3), half, Identity()), 0.5 * dy)
    factor = 3 - 2 if gating == "exclusive" else -2  # dy times the difference of the paths
    y, cache = inner.forward(x, train=True)
    expected = inner.backward(factor * dy, cache)
    np.testing.assert_allclose(gradient(Constant(3), inner, Constant(2)), expected, rtol=1e-12, atol=1e-14)


def test_a_highway_layer_with_a_closed_gate_is_the_identity_and_with_an_open_one_plain():
    transform = Sequential(Linear(5, 5, rng=rng()), ReLU())
    x = draw(4, 5, dtype=np.float32)
    np.testing.assert_array_equal(GatedResidual(transform, Constant(0)).predict(x), x)
    np.testing.assert_array_equal(GatedResidual(transform, Constant(1)).predict(x), transform.predict(x))


@pytest.mark.parametrize("bias", [0.0, -6.0])
def test_the_bias_sets_where_a_gate_starts(bias):
    """With weights of zero the gate is sigmoid(bias): what remains of x after 54 blocks is (1 - that)^54."""
    one = gate(rng())
    one[0].weight.data.fill(0)
    one[0].bias.data.fill(bias)
    net = Sequential(*(GatedResidual(Constant(0), one) for _ in range(54))).astype(np.float64)
    x = draw(1, 3, 2, 3)
    kept = (1 - 1 / (1 + np.exp(-bias))) ** 54  # 5.55e-17 for 0, 0.875 for -6
    np.testing.assert_allclose(net.predict(x), kept * x, rtol=1e-12)
    assert kept == pytest.approx({0.0: 5.55e-17, -6.0: 0.875}[bias], rel=1e-3)


@modes
def test_constant_shortcuts_without_branches_leave_lambda_to_the_power_of_the_depth(train):
    """He et al. 2016, equation 8: forward and backward alike, for x of both signs. Halves are exact."""
    net = Sequential(*(Residual(Constant(0), Scale(0.5)) for _ in range(54)))
    x, dy = draw(2, 3, 4, 5), draw(2, 3, 4, 5, seed=2)
    y, cache = net.forward(x, train=train)
    np.testing.assert_array_equal(y, x * 0.5**54)
    np.testing.assert_array_equal(net.backward(dy, cache), dy * 0.5**54)
    nine = Sequential(*(Residual(Constant(0), Scale(0.9)) for _ in range(54)))
    np.testing.assert_allclose(nine.predict(x), x * 3.38e-3, rtol=1e-3)


def test_scale_keeps_float32_even_with_a_numpy_factor():
    x = draw(2, 3, dtype=np.float32)
    assert Scale(np.float64(0.5)).predict(x).dtype == np.float32
    assert F.scale_forward(x, factor=np.float64(0.5))[0].dtype == np.float32


def test_bad_arguments_are_refused_with_what_is_possible():
    assert_refused(
        lambda: GatedResidual(Identity(), Sigmoid(), gating="both"),
        "gating: expected one of exclusive, shortcut",
    )
    assert_refused(lambda: GatedResidual(Identity(), Sigmoid), "part gate: expected a Layer, got the class")
    assert_refused(lambda: Scale(float("nan")), "factor: expected a finite number")
    block = GatedResidual(Conv2d(3, 3, 1, rng=rng()), Conv2d(3, 1, 1, rng=rng()))
    for call in (block.predict, lambda x: block.cost(x.shape)):
        assert_refused(lambda call=call: call(draw(1, 3, 4, 4, dtype=np.float32)), "gate: expected the shape")


@gatings
def test_a_used_up_cache_is_refused(gating):
    block = GatedResidual(Identity(), Sigmoid(), gating=gating)
    y, cache = block.forward(draw(2, 3), train=True)
    block.backward(y, cache)
    assert cache == []
    with pytest.raises(RuntimeError, match="used up"):
        block.backward(y, cache)


def test_a_thousand_gated_blocks_run():
    net = Sequential(*(GatedResidual(Sigmoid(), Sigmoid()) for _ in range(1000)))
    y, cache = net.forward(draw(1, 2), train=True)
    assert np.isfinite(net.backward(y, cache)).all()
