"""Silent branches, solution by construction, new heads, frozen beginnings."""

import numpy as np
import pytest
from oracles import assert_refused

import minires.functional as F
from minires import init, models, optim
from minires.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    GlobalAvgPool2d,
    GroupNorm,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    PadShortcut,
    Parameter,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    freeze,
)
from minires.layers.trace import Step
from minires.models.shortcuts import ACTIVATIONS, cifar_activation_variant, cifar_shortcut_variant
from minires.surgery import construction, deepen, freeze_prefix, replace_head, zero_last_conv, zero_last_gamma

STAGES = ("stage1", "stage2", "stage3")


def rng(seed=0):
    return np.random.default_rng(seed)


def images(n=4, channels=3, height=8, width=12, dtype=np.float32, seed=1):
    return rng(seed).standard_normal((n, channels, height, width)).astype(dtype)


def train(net, steps=3, optimiser=None, x=None):
    """Take some steps, so that weights, gammas, betas and averages are away from where they start."""
    x = images(8) if x is None else x
    optimiser = optimiser or optim.SGD(net.named_parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        y, cache = net.forward(x, train=True)
        labels = rng(step).integers(0, y.shape[1], len(y))
        dy = F.softmax_cross_entropy_backward(np.float32(1), F.softmax_cross_entropy_forward(y, labels)[1])
        optimiser.zero_grad()
        net.backward(dy, cache)
        optimiser.step()
    return net


def state(net):
    return {name: array.copy() for name, array in net.state_dict().items()}


def blocks(net):
    return [layer for _, layer in net.named_layers() if isinstance(layer, Residual)]


def lengths(net):
    return [len(net[stage]) for stage in STAGES]


# -- deepen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "depth", [8, 14]
)  # 8: every stage is one block, which in two of them changes the shape
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_a_deepened_residual_network_computes_the_same_bits_in_both_modes(depth, mode):
    net = train(models.cifar_resnet(depth=depth, rng=rng()))
    before = state(net)
    deeper = deepen(net, blocks=2)
    assert lengths(deeper) == [n + 2 for n in lengths(net)]
    np.testing.assert_array_equal(
        deeper.forward(images(), train=mode)[0], net.forward(images(), train=mode)[0]
    )
    kept = net.state_dict() if mode else before
    assert all((deeper.state_dict()[name] == kept[name]).all() for name in before)


def test_the_gradient_passes_the_new_blocks_unchanged_and_they_learn():
    net = train(models.cifar_resnet(depth=8, rng=rng()))
    deeper = deepen(net)
    (y, cache), (_, other) = (n.forward(images(), train=True) for n in (net, deeper))
    net.zero_grad()
    dy = rng(2).standard_normal(y.shape).astype(y.dtype)
    np.testing.assert_array_equal(deeper.backward(dy, other), net.backward(dy, cache))
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(dict(deeper.named_parameters())[name].grad, parameter.grad)
    for block in (deeper[stage][1] for stage in STAGES):
        assert isinstance(block.shortcut, Identity)
        assert block.branch[4].gamma.grad.all()  # these move first,
    before = state(deeper)
    train(deeper, 2)  # and once they have moved, every weight before them does
    assert all((before[name] != array).any() for name, array in deeper.state_dict().items())


@pytest.mark.parametrize("depth", [8, 14])
def test_a_deepened_plain_network_computes_the_same_in_eval_mode_only(depth):
    net = train(models.cifar_plain(depth=depth, rng=rng()))
    deeper = deepen(net, blocks=3)
    assert lengths(deeper) == [n + 3 for n in lengths(net)]
    expected = net.predict(images())
    # 1 - eps and its root are rounded to float32, once a norm: 18 norms
    assert abs(deeper.predict(images()) - expected).max() <= 1e-6 * max(1, abs(expected).max())
    # batch norm subtracts the batch's own mean, whatever the running averages say
    found, expected = (n.forward(images(), train=True)[0] for n in (deeper, net))
    assert abs(found - expected).max() > 1e-2


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_a_deepened_chain_without_batch_norm_computes_the_same_bits(mode):
    conv = Sequential(
        Conv2d(3, 6, 3, stride=2, rng=rng(1)),
        ReLU(),
        Conv2d(6, 4, (1, 3), padding=(0, 1), groups=2, rng=rng(2)),
        ReLU(),
        GlobalAvgPool2d(),
        Linear(4, 5, rng=rng(3)),
    )
    dense = Sequential(Linear(7, 6, rng=rng(1)), ReLU(), Dropout(0.5, rng=rng(9)), Linear(6, 5, rng=rng(2)))
    for net, x in ((conv, images()), (dense, rng(1).standard_normal((9, 7)).astype(np.float32))):
        train(net, x=x)
        deeper = deepen(net, blocks=4)
        assert len(deeper) == len(net) + 8
        assert list(deeper.parts) == [str(i) for i in range(len(deeper))]
        np.testing.assert_array_equal(deeper.forward(x, train=mode)[0], net.forward(x, train=mode)[0])
        added = [layer for layer in deeper.parts.values() if hasattr(layer, "weight")][-5:-1]
        for layer in added:
            assert layer.weight.data.sum() == len(layer.weight.data) and not layer.bias.data.any()


def test_named_parts_keep_their_names_and_a_chain_may_be_a_part():
    net = Sequential(
        features=Sequential(conv=Conv2d(3, 4, 3, bias=False, rng=rng()), norm=BatchNorm(4), relu=ReLU()),
        pool=GlobalAvgPool2d(),
        fc=Linear(4, 2, rng=rng()),
    )
    train(net)
    deeper = deepen(net, blocks=2, stages="features")
    assert list(deeper["features"].parts)[:3] == ["conv", "norm", "relu"]
    assert [type(part) for part in deeper["features"].parts.values()] == [Conv2d, BatchNorm, ReLU] * 3
    np.testing.assert_allclose(deeper.predict(images()), net.predict(images()), rtol=1e-6, atol=1e-6)
    assert state(net).keys() < state(deeper).keys()


def test_only_the_stages_that_are_named_grow():
    net = models.cifar_resnet(depth=8, rng=rng())
    assert lengths(deepen(net, stages=("stage2",))) == [1, 2, 1]
    assert lengths(deepen(net, blocks=3, stages="stage3")) == [1, 1, 4]
    assert lengths(net) == [1, 1, 1]


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("variant", ACTIVATIONS)
def test_units_of_all_activations_are_continued_exactly_or_not_at_all(variant, block):
    depth = 14 if block == "basic" else 20
    net = cifar_activation_variant(depth=depth, variant=variant, block=block, rng=rng())
    train(net, 1)
    if variant == "bn_after":
        assert_refused(lambda: deepen(net), "'stage1' cannot be deepened: a BatchNorm follows its additions")
        return
    deeper = deepen(net)
    assert lengths(deeper) == [3, 3, 3]
    for mode in (False, True):
        found, expected = (n.forward(images(), train=mode)[0] for n in (deeper, net))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("variant", ["constant", "exclusive_gate", "shortcut_gate", "conv1x1", "dropout"])
def test_whatever_the_other_shortcuts_are_the_new_ones_are_identities(variant):
    net = train(cifar_shortcut_variant(depth=8, variant=variant, rng=rng()), 1)
    deeper = deepen(net)
    assert all(type(deeper[stage][1].shortcut) is Identity for stage in STAGES)
    np.testing.assert_array_equal(deeper.predict(images()), net.predict(images()))


def test_what_is_added_to_a_frozen_network_learns():
    net = freeze(train(models.cifar_resnet(depth=8, rng=rng())))
    deeper = deepen(net)
    before = state(deeper)
    train(deeper)
    for name, array in deeper.state_dict().items():
        assert (array != before[name]).any() == (".1." in name[:9]), name


def test_a_stride_anywhere_in_the_block_before_is_not_repeated():
    """A bottleneck with its stride in the 3x3, the only block of its stage."""
    branch = Sequential(Conv2d(3, 2, 1, rng=rng(1)), ReLU(), Conv2d(2, 6, 3, stride=2, padding=1, rng=rng(2)))
    net = Sequential(stage=Sequential(Residual(branch, PadShortcut(6, stride=2), ReLU())))
    np.testing.assert_array_equal(deepen(net, blocks=2).predict(images()), net.predict(images()))


def test_a_new_blocks_dropout_draws_from_the_generator_of_the_block_before():
    branch = Sequential(
        Conv2d(3, 3, 3, padding=1, rng=rng()), Dropout(rng=rng(1)), Conv2d(3, 3, 1, rng=rng(2))
    )
    deeper = deepen(Sequential(Residual(branch)))
    assert deeper[1].branch[1].rng is deeper[0].branch[1].rng is not branch[1].rng


def test_float64_networks_stay_so():
    net = models.cifar_plain(depth=8, rng=rng()).astype(np.float64)
    assert {array.dtype for array in deepen(net).state_dict().values()} == {np.dtype(np.float64)}


def test_what_cannot_be_continued_is_refused_with_the_reason():
    def plain(*parts):
        return Sequential(stage=Sequential(Sequential(*parts)))

    def conv(a, b):
        return Conv2d(a, b, 1, rng=rng())

    net = models.cifar_resnet(depth=8, rng=rng())
    for call, *words in (
        (lambda: deepen(net, stages=("stage4",)), "no part 'stage4'; did you mean stage"),
        (lambda: deepen(net, stages=("fc",)), "'fc' cannot be deepened: it is a Linear"),
        (lambda: deepen(net, blocks=0), "blocks: expected an integer >= 1"),
        (lambda: deepen(Sequential(Linear(3, 4, rng=rng()), Sigmoid())), "the network cannot", "nor a ReLU"),
        (lambda: deepen(plain(conv(3, 4), Sigmoid())), "'stage'", "a Sigmoid does not return its input"),
        (lambda: deepen(plain(conv(3, 2), ReLU(), conv(2, 4), ReLU())), "not always 4 channels"),
        (lambda: deepen(plain(conv(4, 4))), "does not end in a layer with weights and a ReLU"),
        (lambda: deepen(plain(Conv2d(4, 4, 2, rng=rng()), ReLU())), "needs odd sizes"),
        (lambda: deepen(Sequential(stage=Sequential(Residual(Sigmoid())))), "a branch ends in a Sigmoid"),
        (
            lambda: deepen(Sequential(s=Sequential(Residual(conv(3, 3), after=Sigmoid())))),
            "a Sigmoid follows",
        ),
        (lambda: deepen(Sequential(s=Sequential(Residual(Identity())))), "a branch has no weights"),
    ):
        assert_refused(call, *words)


# -- a user's own layers -----------------------------------------------------------------------------


class ReLU6(Layer):
    """min(max(x, 0), 6), which changes nothing the second time."""

    keeps_zero = idempotent = True

    def forward(self, x, *, train):
        return x.clip(0, 6), (x,)

    def trace(self, x):
        return Step(self, x, x.like(x.shape))


class Stretch(Layer):
    """A learned factor for each channel."""

    def __init__(self, channels):
        self.factor = Parameter(np.full(channels, 3, np.float32))

    def forward(self, x, *, train):
        return self.factor.data[:, None, None] * x, (x,)

    def scale_and_shift(self):
        return self.factor, None

    def trace(self, x):
        return Step(self, x, x.like(x.shape))


def test_a_users_own_layers_take_part():
    def conv(seed):
        return Conv2d(3, 3, 3, padding=1, rng=rng(seed))

    block = Residual(Sequential(conv(1), Stretch(3), ReLU6()), after=ReLU6())
    net = Sequential(stage=Sequential(block))
    np.testing.assert_array_equal(deepen(net, blocks=2).predict(images()), net.predict(images()))
    plain = Sequential(conv(1), ReLU6())
    np.testing.assert_array_equal(deepen(plain).predict(images()), plain.predict(images()))
    zero_last_gamma(net)
    assert not block.branch[1].factor.data.any() and block.branch[0].weight.data.any()
    np.testing.assert_array_equal(net.predict(images()), images().clip(0, 6))
    assert_refused(lambda: zero_last_conv(net), "ends in a Stretch; see zero_last_gamma")


def test_a_chain_through_two_kinds_of_activations_is_refused():
    """What has been through the last one is not what the first one lets through."""
    net = Sequential(
        s=Sequential(Sequential(Linear(3, 3, rng=rng()), ReLU(), Linear(3, 3, rng=rng()), ReLU6()))
    )
    assert_refused(lambda: deepen(net), "does not end in a layer with weights and a ReLU")


# -- silent branches ---------------------------------------------------------------------------------


def test_zero_gammas_make_every_block_its_shortcut_in_both_modes():
    net = train(models.cifar_resnet(depth=14, rng=rng()))
    assert zero_last_gamma(net) is net
    x = abs(images(channels=16))
    for mode in (True, False):
        y, cache = net["stage1"].forward(x, train=mode)
        np.testing.assert_array_equal(y, x)
        dy = rng(2).standard_normal(y.shape).astype(y.dtype)
        np.testing.assert_array_equal(net["stage1"].backward(dy, cache), dy * (x > 0))
        shrunk = net["stage2"][0]
        np.testing.assert_array_equal(shrunk.forward(x, train=mode)[0], shrunk.shortcut.predict(x))


def test_zero_gammas_learn_first_and_what_stands_before_them_next():
    net = zero_last_gamma(models.cifar_resnet(depth=8, rng=rng()))
    weights = net["stage3"][0].branch[3].weight.data
    before = weights.copy()
    train(net, 1)
    assert all(net[stage][0].branch[4].gamma.data.any() for stage in STAGES)
    np.testing.assert_array_equal(weights, before)
    train(net, 1)
    assert (weights != before).any()


def test_zero_convolutions_make_every_pre_activation_unit_its_shortcut():
    net = zero_last_conv(cifar_activation_variant(depth=14, variant="full_preact", rng=rng()))
    x = images(channels=16)
    y, _ = net["stage1"][1].forward(x, train=True)
    np.testing.assert_array_equal(y, x)
    assert not any(
        block.branch.parts[list(block.branch.parts)[-1]].weight.data.any() for block in blocks(net)
    )


def group_norm_net(after):
    """conv - group norm - activation - conv - group norm, twice, with their shortcuts."""

    def block(seed):
        return Residual(
            Sequential(
                Conv2d(4, 4, 3, padding=1, bias=False, rng=rng(seed)),
                GroupNorm(4, 2),
                LeakyReLU(0.1),
                Conv2d(4, 4, 3, padding=1, bias=False, rng=rng(seed + 1)),
                GroupNorm(4, 2),
            ),
            after=after(),
        )

    stem = Conv2d(3, 4, 3, padding=1, rng=rng(9))
    return Sequential(stem=stem, relu=ReLU(), stage=Sequential(block(1), block(3)), pool=GlobalAvgPool2d())


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_a_branch_that_ends_in_group_norm_is_silenced_by_its_gamma(mode):
    net = train(group_norm_net(ReLU))
    assert zero_last_gamma(net) is net
    x = abs(images(channels=4))
    y, cache = net["stage"].forward(x, train=mode)
    np.testing.assert_array_equal(y, x)
    dy = rng(2).standard_normal(y.shape).astype(y.dtype)
    np.testing.assert_array_equal(net["stage"].backward(dy, cache), dy * (x > 0))
    gammas = [block.branch[4].gamma for block in blocks(net)]
    assert not any(gamma.data.any() for gamma in gammas)
    train(net, 1)
    assert all(gamma.data.any() for gamma in gammas)  # they learn first
    assert_refused(lambda: zero_last_conv(net), "'stage.0' ends in a GroupNorm; see zero_last_gamma")


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("after", [ReLU, Identity])
def test_a_residual_network_with_group_norm_is_deepened_exactly(after, mode):
    net = train(group_norm_net(after))
    deeper = deepen(net, blocks=2)
    assert len(deeper["stage"]) == 4
    np.testing.assert_array_equal(
        deeper.forward(images(), train=mode)[0], net.forward(images(), train=mode)[0]
    )


def test_what_does_not_pass_a_second_time_unchanged_is_refused():
    assert_refused(lambda: deepen(group_norm_net(LeakyReLU)), "a LeakyReLU follows its additions")
    plain = Sequential(Conv2d(3, 4, 1, rng=rng()), GroupNorm(4, 2), ReLU())
    assert_refused(lambda: deepen(plain), "a GroupNorm does not return its input, whatever its weights")


def test_what_keeps_zeros_may_stand_between_the_last_weights_and_the_addition():
    for last in (LeakyReLU(), Dropout(0.5, rng=rng()), ReLU()):
        net = Residual(Sequential(Conv2d(3, 3, 1, rng=rng()), last))
        zero_last_conv(net)
        np.testing.assert_array_equal(net.forward(images(), train=True)[0], images())


def test_each_way_of_silencing_refuses_the_branches_of_the_other():
    post, pre = (cifar_activation_variant(depth=8, variant=v, rng=rng()) for v in ("original", "full_preact"))
    before = state(post)
    assert_refused(lambda: zero_last_conv(post), "'stage1.0' ends in a BatchNorm; see zero_last_gamma")
    assert_refused(lambda: zero_last_gamma(pre), "ends in a Conv2d; see zero_last_conv")
    assert_refused(lambda: zero_last_gamma(models.cifar_plain(depth=8, rng=rng())), "no residual blocks")
    assert all((array == before[name]).all() for name, array in post.state_dict().items())


def test_a_zero_convolution_before_batch_norm_multiplies_the_gradient_by_316():
    """Why it is refused: the norm divides by the deviation of a constant, sqrt(0 + 1e-5)."""
    conv, norm = Conv2d(3, 3, 1, bias=False, init=init.zero, rng=rng()), BatchNorm(3)
    y, cache = Sequential(conv, norm).forward(images(), train=True)
    dy = rng(3).standard_normal(y.shape).astype(np.float32)
    dy -= dy.mean(axis=(0, 2, 3), keepdims=True)  # the norm subtracts it anyway
    dx = norm.backward(dy, cache.pop())
    np.testing.assert_allclose(np.linalg.norm(dx) / np.linalg.norm(dy), 316.2, rtol=1e-3)


# -- fine-tuning -------------------------------------------------------------------------------------


def test_a_new_head_replaces_the_last_layer_and_nothing_else():
    net = train(models.cifar_resnet(depth=8, rng=rng()))
    before, old = dict(net.named_layers()), state(net)
    assert replace_head(net, 7, rng=rng(5)) is net
    after = dict(net.named_layers())
    assert list(after) == list(before)
    assert {name for name in after if after[name] is not before[name]} == {"fc"}
    assert all((array == old[name]).all() for name, array in net.state_dict().items() if name[:2] != "fc")
    assert net.predict(images()).shape == (4, 7)
    assert net["fc"].weight.data.std() == pytest.approx(64**-0.5, rel=0.2)  # 448 numbers: 3 %
    assert not net["fc"].bias.data.any()
    again = replace_head(models.cifar_resnet(depth=8, rng=rng()), 7, rng=rng(5))
    np.testing.assert_array_equal(again["fc"].weight.data, net["fc"].weight.data)


def test_a_1x1_convolution_is_a_head_too():
    net = Sequential(
        body=Sequential(Conv2d(3, 4, 3, rng=rng()), ReLU()),
        head=Sequential(Conv2d(4, 10, 1, bias=False, rng=rng())),
    ).astype(np.float64)
    replace_head(net, 3, rng=rng())
    head = net["head"][0]
    assert head.weight.data.shape == (3, 4, 1, 1) and head.weight.data.dtype == np.float64
    assert head.bias is None and net.predict(images(dtype=np.float64)).shape == (4, 3, 6, 10)


def test_a_new_1x1_head_keeps_stride_padding_and_inputs():
    net = Sequential(Conv2d(4, 6, 1, stride=(2, 1), padding=(0, 1), groups=2, rng=rng()))
    replace_head(net, 3, rng=rng())
    assert net[0].weight.data.shape == (3, 4, 1, 1)
    assert net.predict(images(channels=4)).shape == (4, 3, 4, 14)


def test_a_head_may_be_a_layers_own_attribute():
    net = Residual(Linear(3, 5, rng=rng()), Linear(3, 5, rng=rng()))
    old = net.branch
    replace_head(net, 5, name="branch", rng=rng(1))
    assert net.branch is not old and net.predict(np.ones((2, 3), np.float32)).shape == (2, 5)


def test_a_branch_that_ends_in_a_fully_connected_layer_is_silenced():
    net = zero_last_conv(
        Sequential(Residual(Sequential(Linear(3, 3, rng=rng()), ReLU(), Linear(3, 3, rng=rng(1)))))
    )
    x = rng(2).standard_normal((4, 3)).astype(np.float32)
    np.testing.assert_array_equal(net.predict(x), x)


def test_a_head_may_be_named_and_other_layers_are_no_heads():
    net = Sequential(first=Linear(3, 4, rng=rng()), second=Linear(4, 5, rng=rng()))
    replace_head(net, 4, name="first", rng=rng(1))
    assert net["first"].weight.data.shape == (4, 3)
    residual = models.cifar_resnet(depth=8, rng=rng())
    assert_refused(lambda: replace_head(residual, 3, name="conv", rng=rng()), "'conv' is not a head")
    assert_refused(lambda: replace_head(residual, 3, name="fx", rng=rng()), "no part 'fx'; did you mean fc")
    assert_refused(lambda: replace_head(residual, 0, rng=rng()), "num_classes: expected an integer >= 1")
    assert_refused(lambda: replace_head(residual, 3, rng=5), "rng: expected")
    assert_refused(lambda: replace_head(Sequential(ReLU()), 3, rng=rng()), "no head to replace")


def test_freezing_a_prefix_freezes_what_comes_up_to_it_and_nothing_after():
    net = models.cifar_resnet(depth=14, rng=rng())
    assert freeze_prefix(net, "stage2.0") is net
    frozen = {name for name, parameter in net.named_parameters() if parameter.frozen}
    parts = ("conv.", "norm.", "stage1.", "stage2.0.")
    assert frozen == {name for name, _ in net.named_parameters() if name.startswith(parts)}
    for name, layer in net.named_layers():
        assert layer.frozen == (f"{name}.".startswith((*parts, "relu."))), name


def test_a_dilated_convolution_becomes_an_identity_too():
    conv = Conv2d(4, 4, 3, padding=2, dilation=2, rng=np.random.default_rng(0))
    construction.make_identity(conv, 4)
    x = np.random.default_rng(1).standard_normal((2, 4, 5, 6), np.float32)
    np.testing.assert_array_equal(conv.predict(x), x)


def test_a_branch_that_shrinks_the_map_cannot_be_made_an_identity():
    branch = Sequential(Conv2d(3, 3, 3, rng=rng()))
    net = Sequential(Residual(branch, MaxPool2d(3, stride=1)))
    assert_refused(lambda: deepen(net), "its layers change the size of the map")


def test_auxiliary_heads_are_replaced_with_the_head():
    net = models.googlenet.googlenet(aux=True, image_size=65, num_classes=7, rng=rng())
    before = net["inception4a"]
    assert replace_head(net, 3, rng=rng()) is net and net["inception4a"] is before
    answers, _ = net.forward(rng().standard_normal((2, 3, 65, 65), dtype=np.float32), train=True)
    assert [answer.shape for answer in answers] == [(2, 3)] * 3


def test_unknown_and_impossible_prefixes_are_refused_and_nothing_is_frozen_by_a_typing_mistake():
    net = models.cifar_resnet(depth=8, rng=rng())
    assert_refused(lambda: freeze_prefix(net, "stage4"), "no part 'stage4'; did you mean stage")
    assert_refused(lambda: freeze_prefix(net, "?"), "there are conv, norm, relu, stage1")
    assert_refused(lambda: freeze_prefix(net, ""), "expected the part to freeze up to")
    assert not any(parameter.frozen for _, parameter in net.named_parameters())
    assert_refused(
        lambda: freeze_prefix(net, "stage2.0.branch.1"),
        "inside 'stage2.0', a Residual",
        "freeze up to 'stage2.0'",
    )
    assert not any(parameter.frozen for _, parameter in net.named_parameters())


def test_fine_tuning_leaves_the_frozen_beginning_bit_identical_and_scales_the_rates_of_the_rest():
    """Pre-train, new head, frozen prefix, a smaller rate in the middle and a larger one for the head."""
    net = train(models.cifar_resnet(depth=14, rng=rng()), 5)
    replace_head(net, 3, rng=rng(5))
    freeze_prefix(net, "stage1")
    before = state(net)
    rates = {"stage2": 0.1, "fc": 10}
    optimiser = optim.SGD(
        net.named_parameters(), lr=0.01, momentum=0.9, weight_decay=1e-2, nesterov=True, lr_scale=rates
    )
    first = {}
    for step in range(4):
        train(net, 1, optimiser, images(6, seed=step + 7))
        if not step:
            first = {name: p.grad.copy() for name, p in net.named_parameters()}
            moved = {name: p.data - before[name] for name, p in net.named_parameters()}
    for name, array in net.state_dict().items():
        frozen = name.startswith(("conv.", "norm.", "stage1."))
        assert (array.tobytes() == before[name].tobytes()) == frozen, name
    for name, rate in (("stage2.0.branch.0.weight", 0.1), ("stage3.0.branch.0.weight", 1), ("fc.weight", 10)):
        # the first nesterov step: (1 + momentum) * (gradient + decay * weight), in float32
        expected = -0.01 * rate * 1.9 * (first[name] + 1e-2 * before[name])
        np.testing.assert_allclose(moved[name], expected, rtol=1e-3, atol=1e-6)


def test_frozen_layers_still_pass_the_gradient_on():
    net = freeze_prefix(models.cifar_resnet(depth=8, rng=rng()), "stage3")
    y, cache = net.forward(images(), train=True)
    assert net.backward(np.ones_like(y) * rng().standard_normal(y.shape).astype(y.dtype), cache).any()
