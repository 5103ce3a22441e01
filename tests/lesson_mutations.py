"""For each lesson, changes of one constant under which its claim is false, and an assertion must fail.

number: [(text in the lesson's file, what is put in its place), ...]; the text stands there exactly once.
"""

MUTATIONS = {
    1: [
        ("// stride + 1", "// stride"),
        ("(channels * kernel**2 + 1)", "channels * kernel**2"),
        ("(1, 3, 227 + 4, 227 + 4)", "(1, 3, 227, 227)"),
        ("neurons[0] == 55 * 55 * 96", "neurons[0] == 55 * 48 * 96"),
    ],
    2: [
        ("for i in range(size // 2)", "for i in range(size // 2 + 1)"),
        ("pair = small_ones(5, C, C, rng=rng)", "pair = small_ones(5, C, C, rng=rng, kernel=5)"),
        ("paths = np.outer([1, 2, 3, 2, 1]", "paths = np.outer([1, 2, 2, 2, 1]"),
        ("one_large(5, 3, C)", "one_large(15, 3, C)"),
    ],
    3: [
        ("rule = 36", "rule = 32"),
        ('("conv5_1", "conv5_2", "conv5_3"), 1 / 4', '("conv5_1", "conv5_2", "conv5_3"), 1 / 2'),
        ('LOST = "conv3_3"', 'LOST = "conv4_3"'),
        ("(late.params - 8 * WIDTH)", "late.params"),
    ],
    4: [
        ("unit(channels, three[1], 3, padding=1)", "unit(channels, three[0], 3, padding=1)"),
        ('row.name[:5] in ("conv1", "conv2", "conv3")', 'row.name[:5] in ("conv1", "conv2")'),
        ("(1, 0.3, 0.3), (0, 0.3, 0)", "(1, 0.3, 0.3), (0, 0.3, 0.3)"),
        ("math.sqrt(1 / 2)", "math.sqrt(2 / 2)"),
    ],
    5: [
        ("size=SIZE, alpha=SIZE * PAPERS_ALPHA", "size=SIZE, alpha=PAPERS_ALPHA"),
        ("derived_var = var / (var + EPS)", "derived_var = var / var"),
        ("0.1 * var * count / (count - 1)", "0.1 * var"),
        ('("with batch norm", True)', '("with batch norm", False)'),
        ("test_images[batch], train=True", "test_images[batch], train=False"),
    ],
    6: [
        ("n_in * std**2 * x.var()", "n_out * std**2 * x.var()"),
        ("SAMPLES, OFFSET = 256, 1.0", "SAMPLES, OFFSET = 256, 0.0"),
        ('"ideal": 0.0442', '"ideal": 0.0450'),
        ("back / gain - 1", "back * gain - 1"),
    ],
    7: [
        ("(256, 512, 1024, 512, 128)", "(256, 512, 1024, 512, 256)"),
        ('"in": 1 / n_in', '"in": 1 / n_out'),
        ("WIDE, NARROW = 512, 128", "WIDE, NARROW = 512, 256"),
        ("bw * inside / stride**2", "bw * inside / stride"),
        ("1 - 2 / (3 * SIZE)", "1 - 0 / (3 * SIZE)"),
    ],
    8: [
        ("XAVIER, MSRA = 1.0, 2.0", "XAVIER, MSRA = 1.0, 1.8"),
        ("XAVIER, MSRA = 1.0, 2.0", "XAVIER, MSRA = 1.2, 2.0"),
        ("half = np.maximum(gaussian, 0)", "half = np.maximum(gaussian, 0.1)"),
        ("+ math.sqrt(1 - r * r)", "+ math.sqrt(1 - r)"),
    ],
    9: [
        ("LAYERS = 22", "LAYERS = 20"),
        ("STEPS = 360", "STEPS = 100"),
        ("STEPS = 360", "STEPS = 700"),
        ('learned["Xavier, 30 layers"] >', 'learned["MSRA, 30 layers"] >'),
        (
            'experiments.run("initialisation", setting)\n',
            'experiments.run("initialisation", setting, lr=0.01)\n',
        ),
    ],
    10: [
        ("SEED, CHANNELS, CENTRE = 0, 16, 1.0", "SEED, CHANNELS, CENTRE = 0, 16, 0.99"),
        ('learn(models.build("resnet8"', 'learn(models.build("plain8"'),
        ("NEW_BLOCKS, TRAINING = 2, True", "NEW_BLOCKS, TRAINING = 2, False"),
        ("np.sqrt(var + layer.eps)", "var"),
    ],
    11: [
        ('PLAIN, RESIDUAL = ("plain-20", "plain-56")', 'PLAIN, RESIDUAL = ("plain-56", "plain-20")'),
        (
            'RESIDUAL = ("plain-20", "plain-56"), ("ResNet-20", "ResNet-56")',
            'RESIDUAL = ("plain-20", "plain-56"), ("plain-56", "plain-56")',
        ),
        ('gradient_norms(f"{kind}{DEPTH}", seed)', 'gradient_norms(f"{kind}{DEPTH + 54}", seed)'),
    ],
    12: [
        ("SAMPLES, SHORTCUT = 512, 256, 1.0", "SAMPLES, SHORTCUT = 512, 256, 0.9"),
        (
            "Sequential(ReLU(), first, ReLU(), last))",
            "Sequential(ReLU(), first, ReLU(), last), after=ReLU())",
        ),
        ("fine_code = quantise(signal - coarse_code,", "fine_code = quantise(signal,"),
        ("N, DAMPING = 64, 2 / 3", "N, DAMPING = 64, 0.7"),
    ],
    13: [
        ("ITERATIONS, MOMENTUM = 64_000, 0.9", "ITERATIONS, MOMENTUM = 64_000, 0.8"),
        ("KEEP, STEPS, RATE, DECAY = 0.5,", "KEEP, STEPS, RATE, DECAY = 0.6,"),
        ('no_decay=("gamma", "beta"))', 'no_decay=("beta",))'),
        ("SCALE, WIDTH, LONGER = 0.3,", "SCALE, WIDTH, LONGER = 0.003,"),
    ],
    14: [
        ("C, MAP = 64, 56", "C, MAP = 32, 56"),
        ("c * c_out + 2 * c_out", "c * c_out"),
        ('BASE = "A"', 'BASE = "B"'),
        ("stages = 3", "stages = 4"),
    ],
    15: [
        (
            "[Residual(branch) for branch in branches]",
            "[Residual(branch, after=ReLU()) for branch in branches]",
        ),
        ("g[-1] + sum(added_back[i:])", "g[-1] + sum(added_back[1:])"),
        ("SCALE = 0.5", "SCALE = 1.0"),
        ('"original": models.cifar_resnet', '"original": models.cifar_preresnet'),
    ],
    16: [
        ("UNITS = 54", "UNITS = 50"),
        ("bare(factor), x)", "bare(factor + 0.01), x)"),
        ("surgery.zero_last_gamma(net)", 'surgery.zero_last_gamma(net["stage1"])'),
        ("silent=False", "silent=True"),
    ],
    17: [
        ("256, 0.5\n", "256, 0.9\n"),
        ('"plain": (0, 1)', '"plain": (0.5, 1)'),
        ('blocked = ("constant",', 'blocked = ("full_preact",'),
        ('for arm in ("exclusive_gate",', 'for arm in ("conv1x1",'),
    ],
    18: [
        ("MSRA = 2.0", "MSRA = 1.8"),
        ("change=np.abs", "change=np.negative"),
        ("weights_first(rng, after=ReLU())", "weights_first(rng)"),
        ("(BatchNorm(WIDTH), ReLU(), weights(rng))", "(ReLU(), weights(rng))"),
        ("math.sqrt(2) * rng.standard_normal", "1.0 * rng.standard_normal"),
    ],
    19: [
        ("weight.data.fill(0)", "weight.data.fill(1e-4)"),
        ("net = stack(zero=[2])", "net = stack(zero=[1])"),
        ("for zero in ([1], [1, 2])", "for zero in ([2], [1, 2])"),
        ('"last layer 0": scan([2])', '"last layer 0": scan([1, 2])'),
        ("surgery.zero_last_gamma(models", "(models"),
    ],
    20: [
        ("init.zero if start", "init.msra_by_fan_in if start"),
        ("EPS, CHAINER = 1e-5, 2e-5", "EPS, CHAINER = 1e-5, 1e-5"),
        ("gamma.data.fill(0)", "gamma.data.fill(0.1)"),
        ("weight.data.fill(0)\n", "weight.data *= 0.1\n"),
    ],
    21: [
        ("BLOCKS, LAST = 54, 0.5", "BLOCKS, LAST = 54, 0.6"),
        ("CLOSED = 1e-12", "CLOSED = 1.0"),
        ("weight_decay=1e-4).step()", "weight_decay=0.0).step()"),
        ("one = block(0.8)", "one = block(0.8, ReLU())"),
        ('measure="test_error"', 'measure="train_error"'),
    ],
    22: [
        ("POOLED = 7 * 7", "POOLED = 6 * 6"),
        ('depth=34, shortcut="A"', 'depth=34, shortcut="B"'),
        ('DEEP = "resnet152"', 'DEEP = "vgg16"'),
        ("conv3_3 = 56**2", "conv3_3 = 28**2"),
    ],
    23: [
        ("EXCHANGED = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]", "EXCHANGED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"),
        ("MARGIN = 1", "MARGIN = 2"),
        ('SHOTS, FREEZE = 2, "pool"', 'SHOTS, FREEZE = 2, "stage1"'),
        ("digits(train_set, 0, 9)", "digits(train_set, 0, 4)"),
    ],
    24: [
        ("SIDES, RATIOS = (10, 16, 24)", "SIDES, RATIOS = (10, 16)"),
        ("(SIZE // STRIDE, SIZE // STRIDE), STRIDE", "(SIZE // STRIDE, SIZE // STRIDE), 2 * STRIDE"),
        ("trunk().cost((REGIONS, 1, 16, 16))", "trunk().cost((REGIONS, 1, 24, 24))"),
        ('derived_pool = {"max": (18, 20, 34, 36)', 'derived_pool = {"max": (9, 11, 25, 27)'),
        ("steps = {name: np.diff(values)", "steps = {name: np.diff(values[::2])"),
        (
            'keep = (0, 1) if way == "proposals" else (2, 3)',
            'keep = (0, 1) if way == "proposals" else (1, 3)',
        ),
    ],
    25: [
        ('kinds = {"plain": False, "residual": True}', 'kinds = {"plain": True, "residual": True}'),
        ("stretched = {name: FACTOR * d", "stretched = {name: 1 * d"),
        ("c = 1 - 1 / math.pi\nchance", "c = 1 - 0 / math.pi\nchance"),
        ("np.convolve(chance, [1 - each, each])", "np.convolve(chance, [each, 1 - each])"),
        ("(1 + c) ** (-LAYERS / 2)", "(1 + c) ** (-LAYERS / 4)"),
    ],
    26: [
        ("nothing = np.zeros_like(test_pixels)", "nothing = np.ones_like(test_pixels)"),
        ("background = (test_pixels == 0).sum()", "background = (test_pixels != 1).sum()"),
        ("layer.backward(np.ones((1, 2, 12, 20))", "layer.backward(np.zeros((1, 2, 12, 20))"),
        ("cells = one_hot.reshape(n, c, h // factor", "cells = one_hot[::-1].reshape(n, c, h // factor"),
    ],
}
