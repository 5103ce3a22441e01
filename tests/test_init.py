"""Initial weights: the variance each rule promises, its bounds, and the kernels that copy their input."""

import math

import numpy as np
import pytest
from optional_torch import import_torch

from minires import init
from minires.layers import Conv2d, Linear

CONV, MATRIX = (40, 20, 3, 5), (300, 200)  # fans: 300 in and 600 out; 200 in and 300 out


def rng(seed=0):
    return np.random.default_rng(seed)


def test_fans_of_a_matrix_and_of_a_convolution():
    assert init.fans(MATRIX) == (200, 300)
    assert init.fans(CONV) == (300, 600)
    with pytest.raises(
        ValueError, match=r"shape: expected \(O, I\) or \(O, C, KH, KW\), each at least 1, got \(3,\)"
    ):
        init.fans((3,))


@pytest.mark.parametrize("uniform", [False, True], ids=["normal", "uniform"])
@pytest.mark.parametrize(
    "rule, fan, shape, variance",
    [
        (init.xavier, "in", CONV, 1 / 300),
        (init.xavier, "out", CONV, 1 / 600),
        (init.xavier, "average", CONV, 2 / 900),
        (init.xavier, "in", MATRIX, 1 / 200),
        (init.msra, "in", CONV, 2 / 300),
        (init.msra, "out", CONV, 2 / 600),
        (init.msra, "average", MATRIX, 2 / 250),
    ],
)
def test_variances_are_as_the_papers_derive_them(rule, fan, shape, variance, uniform):
    weight = rule(shape, fan=fan, uniform=uniform, rng=rng()).astype(np.float64)
    n = weight.size
    assert weight.shape == shape
    # the sample variance of n normal numbers has the relative standard deviation sqrt(2 / n), of uniform
    # ones less; the mean's is std / sqrt(n). Four standard deviations of each.
    assert abs(weight.var() / variance - 1) < 4 * math.sqrt(2 / n)
    assert abs(weight.mean()) < 4 * math.sqrt(variance / n)


def test_uniform_draws_fill_their_bounds_and_normal_ones_pass_them():
    for rule, factor in ((init.xavier, 3), (init.msra, 6)):
        bound = math.sqrt(factor / 300)
        uniform = rule(CONV, fan="in", uniform=True, rng=rng())
        assert 0.999 * bound < uniform.max() <= np.float32(bound)
        assert 0.999 * bound < -uniform.min() <= np.float32(bound)
        assert abs(rule(CONV, fan="in", rng=rng())).max() > 1.5 * bound  # sqrt(3) is 1.7 deviations only


def test_the_defaults_are_average_for_xavier_and_out_for_msra():
    assert init.xavier(CONV, rng=rng()).tobytes() == init.xavier(CONV, fan="average", rng=rng()).tobytes()
    assert init.msra(CONV, rng=rng()).tobytes() == init.msra(CONV, fan="out", rng=rng()).tobytes()


def test_msra_keeps_the_mean_square_through_ten_layers_of_relu_and_xavier_halves_it():
    x = rng().standard_normal((500, 200))
    for rule, expected in ((init.msra, 1.0), (init.xavier, 0.5**10)):
        signal, draw = x, rng(1)
        for _ in range(10):
            signal = np.maximum(signal @ rule((200, 200), fan="in", rng=draw, dtype=np.float64).T, 0)
        # at width 200 a layer's own factor strays by sqrt(5 / 200) = 16 %, ten of them by 50 %
        assert expected / 4 < (signal**2).mean() < expected * 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", [init.xavier, init.msra, init.zero, init.identity])
def test_dtype_is_float32_unless_asked(rule, dtype):
    assert rule((4, 3, 3, 3), rng=rng(), dtype=dtype).dtype == dtype
    assert rule((4, 3, 3, 3), rng=rng()).dtype == np.float32


@pytest.mark.parametrize("rule", [init.xavier, init.msra])
@pytest.mark.parametrize("uniform", [False, True])
def test_same_seed_same_bits(rule, uniform):
    first, second = (rule(CONV, rng=rng(3), uniform=uniform) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != rule(CONV, rng=rng(4), uniform=uniform).tobytes()
    draw = rng(3)
    rule(CONV, rng=draw, uniform=uniform)
    assert first.tobytes() != rule(CONV, rng=draw, uniform=uniform).tobytes()


def test_zero_needs_no_generator():
    assert not init.zero(CONV).any() and init.zero(CONV).shape == CONV


@pytest.mark.parametrize("kernel", [1, 3, (3, 5), (1, 7)])
def test_an_identity_conv_returns_its_input(kernel):
    h, w = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    conv = Conv2d(3, 3, kernel, padding=((h - 1) // 2, (w - 1) // 2), init=init.identity, rng=rng())
    x = rng().standard_normal((2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(conv.predict(x), x)


def test_an_identity_layer_copies_the_channels_there_are():
    x = rng().standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_array_equal(Linear(3, 3, init=init.identity, rng=rng()).predict(x), x)
    np.testing.assert_array_equal(Linear(3, 2, init=init.identity, rng=rng()).predict(x), x[:, :2])
    wider = Linear(3, 5, init=init.identity, rng=rng()).predict(x)
    np.testing.assert_array_equal(wider, np.concatenate([x, np.zeros((2, 2), np.float32)], axis=1))


def test_an_even_kernel_has_no_centre():
    with pytest.raises(ValueError, match="odd sizes"):
        init.identity((3, 3, 2, 3))


@pytest.mark.parametrize("rule", [init.xavier, init.msra])
def test_wrong_arguments_are_refused(rule):
    with pytest.raises(ValueError, match="fan: expected one of in, out, average, got 'both'"):
        rule(CONV, fan="both", rng=rng())
    with pytest.raises(TypeError, match="rng: expected numpy.random.default_rng"):
        rule(CONV, rng=0)
    with pytest.raises(TypeError, match="rng: expected numpy.random.default_rng"):
        rule(CONV, rng=np.random)
    with pytest.raises(TypeError, match="rng"):
        rule(CONV)
    with pytest.raises(ValueError, match="shape"):
        rule((5,), rng=rng())


def test_the_formulas_are_torchs():
    """PyTorch draws other numbers, so the promised deviations are compared through large samples."""
    torch = import_torch()
    torch.manual_seed(0)
    theirs = torch.empty(CONV, dtype=torch.float64)
    pairs = [
        (lambda: torch.nn.init.kaiming_normal_(theirs, mode="fan_out"), init.msra(CONV, rng=rng())),
        (lambda: torch.nn.init.kaiming_normal_(theirs, mode="fan_in"), init.msra(CONV, fan="in", rng=rng())),
        (lambda: torch.nn.init.xavier_normal_(theirs), init.xavier(CONV, rng=rng())),
    ]
    for draw, ours in pairs:
        # two samples of 12,000: the ratio of deviations has the deviation 1/sqrt(12,000) = 0.9 %
        assert abs(ours.std() / float(draw().std()) - 1) < 0.037
    bounds = [
        (lambda: torch.nn.init.kaiming_uniform_(theirs, nonlinearity="relu"), init.msra, "in"),
        (lambda: torch.nn.init.xavier_uniform_(theirs), init.xavier, "average"),
    ]
    for draw, rule, fan in bounds:
        # the largest of 12,000 uniform numbers is within 0.1 % of the bound
        ours = rule(CONV, fan=fan, uniform=True, rng=rng())
        assert abs(ours.max() / float(draw().max()) - 1) < 1e-3
