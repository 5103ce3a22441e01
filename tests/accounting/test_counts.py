"""The exact counts of the literature, and the slips of well-known lecture slides beside the true figures.

KB and MB on the slides are 1024 and 1024^2 bytes; a FLOP is one multiply-add.
"""

import pytest

from minires import init, models
from minires.accounting import cost

KB, MB = 1024, 1024**2


def table(name, **options):
    net = models.build(name, rng=init.SHAPES_ONLY, **options)
    return cost.table(net, models.about(name).input_shape)


def row(table, name):
    return next(row for row in table.rows if row.name == name)


# -- every network -----------------------------------------------------------------------------------

NETWORKS = [
    ("alexnet", 61_100_840, 716_767_232),
    ("alexnet_2012", 60_965_224, 724_406_816),
    ("zfnet", 62_357_608, 1_168_032_896),
    ("zfnet_big", 107_627_624, 2_476_704_896),
    ("vgg16", 138_357_544, 15_470_264_320),
    ("vgg19", 143_667_240, 19_632_062_464),
    ("googlenet", 6_998_552, 1_582_671_872),
    ("googlenet_bn", 6_624_904, 1_498_376_192),
    ("resnet18", 11_689_512, 1_814_073_344),
    ("resnet34", 21_797_672, 3_663_761_408),
    ("resnet50", 25_557_032, 3_857_973_248),
    ("resnet50_v1.5", 25_557_032, 4_089_184_256),
    ("resnet101", 44_549_160, 7_570_194_432),
    ("resnet101_v1.5", 44_549_160, 7_801_405_440),
    ("resnet152", 60_192_808, 11_282_415_616),
    ("resnet152_v1.5", 60_192_808, 11_513_626_624),
    ("resnet20", 269_722, 40_551_040),
    ("resnet32", 464_154, 68_862_592),
    ("resnet44", 658_586, 97_174_144),
    ("resnet56", 853_018, 125_485_696),
    ("resnet110", 1_727_962, 252_887_680),
    ("resnet1202", 19_421_274, 2_829_238_912),
    ("plain20", 269_722, 40_551_040),
    ("preresnet110", 1_727_962, 252_887_680),
    ("preresnet164", 1_703_258, None),
    ("preresnet1001", 10_327_706, None),
    ("preresnet200", 64_666_152, None),
]


@pytest.mark.parametrize("name, params, macs", NETWORKS)
def test_totals(name, params, macs):
    found = table(name)
    assert found.params == params
    assert macs is None or found.macs == macs


def test_the_billions_of_the_papers():
    rounded = {"preresnet1001": 1.488, "resnet152": 11.282, "alexnet_2012": 0.724, "vgg16": 15.470}
    for name, billions in rounded.items():
        assert table(name).macs / 1e9 == pytest.approx(billions, abs=5e-4)


def test_cifar100_heads():
    assert table("preresnet164", num_classes=100).params == 1_726_388
    assert table("preresnet1001", num_classes=100).params == 10_350_836


def test_shortcut_options_differ_by_their_projections():
    """ "No additional parameters either way" is said of both kinds of shortcuts; projections do have some."""
    options = {shortcut: table("resnet34", shortcut=shortcut).params for shortcut in "ABC"}
    assert options["A"] == table("plain34").params == 21_623_848
    assert options["B"] - options["A"] == 173_824
    assert options["C"] - options["A"] == 1_092_992
    assert table("resnet18", shortcut="A").params == table("plain18").params == 11_515_688
    assert table("resnet18", shortcut="A").macs / 1e9 == pytest.approx(1.795, abs=5e-4)
    assert table("resnet34", shortcut="A").macs == 3_644_493_824
    projections = [r.params for r in table("resnet50").rows if ".shortcut." in r.name]
    assert sum(projections) == 2_776_576
    assert table("resnet20", shortcut="B").params - table("resnet20").params == 2_752


# -- AlexNet, row by row -----------------------------------------------------------------------------

ALEXNET = [  # name, output, KB, parameters, operations
    ("conv1", (64, 56, 56), 784, 23_296, 72_855_552),
    ("pool1", (64, 27, 27), 182.25, 0, 419_904),
    ("conv2", (192, 27, 27), 546.75, 307_392, 223_948_800),
    ("pool2", (192, 13, 13), 126.75, 0, 292_032),
    ("conv3", (384, 13, 13), 253.5, 663_936, 112_140_288),
    ("conv4", (256, 13, 13), 169, 884_992, 149_520_384),
    ("conv5", (256, 13, 13), 169, 590_080, 99_680_256),
    ("pool5", (256, 6, 6), 36, 0, 82_944),
    ("fc6", (4096,), 16, 37_752_832, 37_748_736),
    ("fc7", (4096,), 16, 16_781_312, 16_777_216),
    ("fc8", (1000,), 3.90625, 4_097_000, 4_096_000),
]


def test_alexnet_row_by_row():
    rows = [r for r in table("alexnet").rows if r.macs]
    assert [(r.name, r.output, r.output_bytes / KB, r.params, r.macs) for r in rows] == ALEXNET


def test_alexnet_totals_and_shares():
    found = table("alexnet")
    assert found.output_bytes / MB == pytest.approx(1.912, abs=1e-3)
    assert (found.output_bytes + found.pooled_bytes) / MB == pytest.approx(2.249, abs=1e-3)
    dense = [r for r in found.rows if r.name.startswith("fc")]
    assert sum(r.params for r in dense) / found.params == pytest.approx(0.960, abs=5e-4)
    assert 1 - sum(r.macs for r in dense) / found.macs == pytest.approx(0.918, abs=5e-4)
    assert row(found, "conv1").output_bytes / found.output_bytes == pytest.approx(0.40, abs=5e-3)


def test_alexnets_fourth_convolution_takes_150_million_and_not_145():
    assert row(table("alexnet"), "conv4").macs == 149_520_384


def test_pooling_operations_are_printed_as_zero_and_are_not():
    assert table("alexnet").pooling == 419_904 + 292_032 + 82_944


def test_the_neurons_of_the_first_alexnets_two_halves():
    """Figure 2 of Krizhevsky et al. 2012 prints 253,440 for the first layer: 55 x 48 x 96, no layer's count.
    Its others are right: 186,624, 64,896, 64,896, 43,264, 4096, 4096, 1000."""
    rows = {r.name: r for r in table("alexnet_2012").rows}
    neurons = [rows[f"conv{i}"].output_bytes // 4 for i in range(1, 6)]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264]
    assert neurons[0] == 55 * 55 * 96 != 253_440 == 55 * 48 * 96
    assert [rows[f"fc{i}"].output for i in (6, 7, 8)] == [(4096,), (4096,), (1000,)]


# -- VGG ---------------------------------------------------------------------------------------------


def without_conv3_3(table):
    """What the slides count: their VGG-16 has lost its third convolution in stage 3."""
    return cost.Table(tuple(r for r in table.rows if r.name != "conv3_3"), table.input)


def test_vgg16_takes_15_5_billion_and_not_13_6():
    whole, slides = table("vgg16"), without_conv3_3(table("vgg16"))
    assert slides.macs / 1e9 == pytest.approx(13.62, abs=5e-3)
    assert slides.output_bytes / MB == pytest.approx(48.65, abs=5e-3)
    assert whole.macs / 1e9 == pytest.approx(15.47, abs=5e-3)
    assert whole.output_bytes / MB == pytest.approx(51.71, abs=5e-3)
    assert round(slides.params / 1e6) == round(whole.params / 1e6) == 138  # here the loss does not show


def test_vggs_first_stages_against_googlenets_stem():
    """From 224 to 28 pixels: the slides have 42.9 MB, 1.1 M parameters and 7485 million multiply-adds."""

    def early(table):
        rows = [r for r in table.rows if r.name[:5] in ("conv1", "conv2", "conv3")]
        bytes_, params, macs = (sum(getattr(r, k) for r in rows) for k in ("output_bytes", "params", "macs"))
        return round(bytes_ / MB, 1), params, round(macs / 1e6)

    assert early(without_conv3_3(table("vgg16"))) == (42.9, 1_145_408, 7485)
    assert early(table("vgg16")) == (45.9, 1_735_488, 9335)


def test_15_3_is_vgg16_without_its_fully_connected_layers_and_19_6_is_vgg19_with_them():
    convs = [r.macs for r in table("vgg16").rows if r.kind == "Conv2d"]
    assert sum(convs) == 15_346_630_656
    assert table("vgg19").macs / 1e9 == pytest.approx(19.63, abs=5e-3)
    dense = sum(r.params for r in table("vgg19").rows if r.kind == "Linear")
    assert dense == 123_642_856  # the 20.0 M of its convolutions are fewer than ResNet-152's 58.1 M
    assert table("vgg19").params - dense == 20_024_384


def test_a_stage_of_vgg_costs_as_much_as_the_next_but_for_the_last_and_for_first_convolutions():
    found = table("vgg16")
    equal = [row(found, f"conv{n}").macs for n in ("1_2", "2_2", "3_2", "3_3", "4_2", "4_3")]
    assert set(equal) == {1_849_688_064}  # 36 H W C^2 for the two of a stage
    assert row(found, "conv2_1").macs == row(found, "conv4_1").macs == 924_844_032
    assert row(found, "conv5_2").macs == 462_422_016  # the map shrinks, the channels stay at 512


def test_biases_of_fully_connected_layers_are_left_out_on_the_slides():
    found = table("vgg16")
    for name, without, params in (
        ("fc6", 102_760_448, 102_764_544),
        ("fc7", 16_777_216, 16_781_312),
        ("fc8", 4_096_000, 4_097_000),
    ):
        assert row(found, name).macs == without and row(found, name).params == params


# -- GoogLeNet ---------------------------------------------------------------------------------------


def stem(table):
    end = next(i for i, r in enumerate(table.rows) if r.name.startswith("inception"))
    return [r for r in table.rows[:end] if r.macs]


def test_googlenets_stem_takes_481_million_and_not_418():
    rows = stem(table("googlenet"))
    assert [r.output_bytes / KB for r in rows] == [3136, 784, 784, 2352, 588]
    assert [r.params for r in rows] == [9_472, 0, 4_160, 110_784, 0]
    assert [round(r.macs / 1e6, 1) for r in rows] == [118.0, 1.8, 12.8, 346.8, 1.4]
    assert sum(r.macs for r in rows) == 480_836_608
    assert sum(r.params for r in rows) == 124_416
    assert sum(r.output_bytes for r in rows) / MB == pytest.approx(7.46, abs=5e-3)


def test_the_true_ratios_of_vgg_to_googlenets_stem():
    """7485 / 481 = 15.6 for the slides' VGG; for the whole one 6.2, 13.9 and 19.4 (its pools not counted)."""
    early = [r for r in table("vgg16").rows if r.name[:5] in ("conv1", "conv2", "conv3")]
    rows = stem(table("googlenet"))
    ratios = [
        sum(getattr(r, key) for r in early) / sum(getattr(r, key) for r in rows)
        for key in ("output_bytes", "params", "macs")
    ]
    assert ratios == pytest.approx([6.2, 13.9, 19.4], abs=0.06)


def test_googlenets_tail():
    found = table("googlenet")
    pool = next(r for r in found.rows if r.kind == "GlobalAvgPool2d")
    fc = found.rows[-1]
    assert pool.output_bytes / KB == 4  # "0" on the slides is the next one: 3.9
    assert (fc.params, fc.macs, fc.output_bytes) == (1_025_000, 1_024_000, 4000)


def test_auxiliary_heads():
    assert table("googlenet", aux=True).params == 13_378_280
    assert table("googlenet_bn", aux=True).params == 13_004_888


def test_vgg_to_alexnet_and_googlenet():
    """The slides' 19.4 and 25 times come from the VGG-16 that lacks a convolution; it is 21.6 and 27."""
    vgg, alexnet = table("vgg16"), table("alexnet")
    assert vgg.macs / alexnet.macs == pytest.approx(21.6, abs=0.05)
    assert vgg.output_bytes / alexnet.output_bytes == pytest.approx(27.0, abs=0.1)


# -- ResNet ------------------------------------------------------------------------------------------


def test_resnet50_takes_3_86_billion_with_the_papers_stride_and_4_09_with_the_later_codes():
    """ "3.8" and "7.13 % top-5 error" stand side by side, but belong to the two different networks."""
    assert table("resnet50").macs / 1e9 == pytest.approx(3.858, abs=5e-4)
    assert table("resnet50_v1.5").macs / 1e9 == pytest.approx(4.089, abs=5e-4)


def test_resnets_stem_has_no_bias():
    first = table("resnet50").rows[0]
    assert first.params == 9_408  # 9 thousand on the slides: 9,472 with a bias that batch norm would undo
    assert table("resnet50").rows[1].params == 128


def test_resnet50_has_53_convolutions():
    kinds = [r.kind for r in table("resnet50").rows]
    assert kinds.count("Conv2d") == 53 and kinds.count("Linear") == 1  # 50 without the projections


def test_identity_shortcuts_add_no_parameters_and_take_none_away():
    features = sum(r.params for r in table("resnet152").rows if r.kind != "Linear")
    assert features / 1e6 == pytest.approx(58.1, abs=0.05)
    assert table("resnet152").macs < table("vgg16").macs < table("vgg19").macs


def test_the_quizzes_of_the_blocks():
    from minires.layers import Conv2d

    def params(*layers):
        convs = [Conv2d(*sizes, bias=False, rng=init.SHAPES_ONLY) for sizes in layers]
        return sum(p.data.size for conv in convs for _, p in conv.named_parameters())

    assert params((64, 64, 3), (64, 64, 3)) == 73_728
    assert params((256, 64, 1), (64, 64, 3), (64, 256, 1)) == 69_632
    assert params((256, 256, 3), (256, 256, 3)) == 1_179_648
    assert params((64, 64, 5)) == 102_400  # one 5x5 against two 3x3, which see as far
