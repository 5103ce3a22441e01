"""Exact statistics are those of Algorithm 2 of the batch norm paper, and nothing else moves."""

import numpy as np
import pytest
import strict_cupy
from small_run import small_net

from minires.layers import BatchNorm, Conv2d, ReLU, Sequential, StochasticDepth, freeze
from minires.train import recompute_statistics


def batches(*sizes, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.arange(1, channels + 1, dtype=np.float32).reshape(1, -1, 1, 1)
    return [rng.standard_normal((n, channels, 5, 4), dtype=np.float32) * scale + scale for n in sizes]


def test_equal_batches_give_the_mean_of_batch_means_and_of_unbiased_batch_variances():
    norm, parts = BatchNorm(3), batches(8, 8, 8)
    recompute_statistics(norm, parts)
    means = [part.astype(np.float64).mean(axis=(0, 2, 3)) for part in parts]
    variances = [part.astype(np.float64).var(axis=(0, 2, 3), ddof=1) for part in parts]
    # float32 statistics of 160 values, three of them averaged
    np.testing.assert_allclose(norm.running_mean.data, np.mean(means, axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.running_var.data, np.mean(variances, axis=0), rtol=1e-5)


def test_a_smaller_last_batch_counts_by_its_images():
    norm, parts = BatchNorm(3), batches(9, 9, 2)
    recompute_statistics(norm, iter(parts))
    np.testing.assert_allclose(norm.running_mean.data, np.concatenate(parts).mean(axis=(0, 2, 3)), rtol=1e-5)
    variances = [part.var(axis=(0, 2, 3), ddof=1) for part in parts]
    np.testing.assert_allclose(
        norm.running_var.data, np.average(variances, axis=0, weights=[9, 9, 2]), rtol=1e-5
    )


def test_a_norm_behind_other_layers_gets_the_statistics_of_what_reaches_it():
    rng = np.random.default_rng(1)
    conv = Conv2d(3, 4, 3, rng=rng)
    net = Sequential(conv=conv, relu=ReLU(), norm=BatchNorm(4))
    parts = batches(6, 6)
    recompute_statistics(net, parts)
    seen = [np.maximum(conv.predict(part), 0) for part in parts]
    np.testing.assert_allclose(
        net["norm"].running_mean.data, np.concatenate(seen).mean(axis=(0, 2, 3)), rtol=1e-5
    )


def test_nothing_else_moves_and_the_old_averages_are_forgotten_even_if_they_were_nan():
    net, other = small_net(), small_net()
    parts = [part[:, :1] for part in batches(6, 6)]
    net["norm"].momentum = other["norm"].momentum = 0.3
    net["norm"].running_mean.data[:] = np.nan
    recompute_statistics(net, parts)
    recompute_statistics(other, parts)
    assert net["norm"].momentum == 0.3 and net["block"].branch["1"].momentum == 0.9
    fresh = dict(small_net().named_generators())
    for name, rng in net.named_generators():  # dropout and stochastic depth drew, and were set back
        assert rng.bit_generator.state == fresh[name].bit_generator.state
    for name, parameter in net.named_parameters():
        assert (parameter.data == dict(small_net().named_parameters())[name].data).all()
        assert not parameter.grad.any()
    assert (net["norm"].running_mean.data == other["norm"].running_mean.data).all()


def test_momentum_comes_back_after_an_error_too():
    norm = BatchNorm(3)
    with pytest.raises(ValueError):
        recompute_statistics(norm, [np.zeros((4, 2, 5, 4), np.float32)])
    assert norm.momentum == 0.9


def test_a_frozen_norm_stays_as_it_is():
    norm = freeze(BatchNorm(3))
    recompute_statistics(norm, batches(4))
    assert not norm.running_mean.data.any() and (norm.running_var.data == 1).all()


def test_no_batch_is_an_error_and_changes_nothing():
    norm = BatchNorm(3)
    norm.running_mean.data[:] = 7
    with pytest.raises(ValueError, match="at least one batch"):
        recompute_statistics(norm, [])
    assert (norm.running_mean.data == 7).all()


def test_a_gpu_gives_the_same_statistics():
    ours, theirs = BatchNorm(3), BatchNorm(3).to(strict_cupy)
    recompute_statistics(ours, batches(8, 5))
    recompute_statistics(theirs, [strict_cupy.asarray(part) for part in batches(8, 5)])
    np.testing.assert_allclose(theirs.running_var.data.get(), ours.running_var.data, rtol=1e-5)


def test_a_branch_that_drops_batches_averages_over_those_it_has_seen_and_keeps_its_own_if_none():
    parts = batches(64, 64, 64, 64)
    for seed in range(8):
        norm = BatchNorm(3)
        net = StochasticDepth(norm, survival=0.5, rng=np.random.default_rng(seed))
        opened = np.random.default_rng(seed).random(len(parts)) < 0.5
        recompute_statistics(net, parts)
        expected = np.mean(
            [x.mean(axis=(0, 2, 3)) for x, is_open in zip(parts, opened, strict=True) if is_open] or [0.0],
            axis=0,
        )
        np.testing.assert_allclose(norm.running_mean.data, np.broadcast_to(expected, 3), rtol=1e-4)


def test_a_norm_that_stands_at_two_places_averages_over_both():
    norm = BatchNorm(3)
    x = np.random.default_rng(0).standard_normal((64, 3, 4, 5)).astype(np.float32)
    norm.beta.data.fill(4)  # what it sees at its second place has mean 4
    recompute_statistics(Sequential(norm, norm), [x])
    np.testing.assert_allclose(norm.running_mean.data, (x.mean(axis=(0, 2, 3)) + 4) / 2, rtol=1e-4)


def test_many_batches_are_added_up_without_rounding_between_them():
    norm, rng = BatchNorm(1), np.random.default_rng(0)
    parts = [(100 + rng.standard_normal((2, 1))).astype(np.float32) for _ in range(3000)]
    recompute_statistics(norm, parts)
    # 1e-7: one unit in the last place of the result; averages that are rounded at every batch are off by more
    exact = np.mean([part.astype(np.float64).mean() for part in parts])
    assert abs(norm.running_mean.data[0] / exact - 1) < 1e-7


def test_an_error_on_the_way_leaves_everything_as_it_was():
    norm = BatchNorm(3)
    before = {name: array.copy() for name, array in norm.state_dict().items()}
    with pytest.raises(ValueError, match="channels"):
        recompute_statistics(norm, [*batches(4), np.ones((2, 5, 1, 2), np.float32)])
    assert norm.momentum == 0.9
    for name, array in norm.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
