# %% [markdown]
# # 26. A class for every pixel: fully convolutional networks
#
# **Question.** Segmentation asks for the class of every single pixel. How does a classifier, which shrinks
# the image until one answer is left, become a network that answers 4,096 times, what does shrinking cost,
# and how does one say in a number how good that is?
#
# *Time: 1 min. Before this: lessons 4 and 24. Sources: Long, Shelhamer & Darrell 2015 (arXiv:1411.4038),
# sections 3 and 4; Everingham et al. 2010 (doi:10.1007/s11263-009-0275-4), section 4.4; the ICML 2016
# tutorial, slide "plug-in features".*

# %%
import copy

import numpy as np

import minires.functional as F
from minires import data, detection, gradcheck, lesson, models, optim, plot
from minires.data.scenes import MEAN, STD, VOID
from minires.experiments.detectors import learn_single_digits
from minires.layers import Upsample
from minires.models.fcn import fcn
from minires.train.metrics import class_ious, mean_iou

SETTING = lesson.setting()
CLASSES = 11  # background, and ten digits
IMAGES, TESTS, STEPS, EPOCHS = {
    "fast": (40, 10, 8, 1),
    "live": (300, 40, 300, 6),
    "full": (1000, 200, 3000, 8),
}[SETTING]

# %% [markdown]
# ## The task
#
# The scenes of lesson 24, but now every pixel has a label: background, or the digit whose ink it is. Beside
# the ink nobody can tell; such pixels are *void*: they are neither learned nor counted, as in Pascal VOC.

# %%
train, train_pixels = data.segmented_scenes(IMAGES)
test, test_pixels = data.segmented_scenes(TESTS, test=True)
NAMES = ("background", *test.class_names)
lesson.show(
    plot.pixel_classes(
        test.images[:3],
        {"its pixels": test_pixels[:3]},
        class_names=NAMES,
        void=VOID,
        title="white: void",
    )
)

# %% [markdown]
# ## A number for it: mean IoU
#
# The obvious one is accuracy: the fraction of pixels that are right. **Predict** the accuracy of an answer
# that says "background" everywhere. And its *mean IoU*, where the IoU of a class is
#
# $$\frac{\text{pixels that are of the class and are said to be}}
# {\text{pixels that are of the class or are said to be}},$$
#
# and the mean is over the classes?

# %%
predicted_accuracy, predicted_mean_iou = 0.7, 0.3

# %% [markdown]
# If a fraction $b$ of the pixels is background, the accuracy is $b$. The IoU of the background is $b$ too, as
# everything is said to be background; that of each digit is 0. So the mean is $b/11$: it does not let a
# large class speak for the small ones.

# %%
counted = test_pixels != VOID
background = (test_pixels == 0).sum() / counted.sum()
nothing = np.zeros_like(test_pixels)
accuracy = (nothing == test_pixels)[counted].mean()
of_nothing = mean_iou(nothing, test_pixels, CLASSES, ignore_index=VOID)
lesson.table(
    ("'background' everywhere", "predicted", "derived", "measured"),
    ("accuracy", predicted_accuracy, background, accuracy),
    ("mean IoU", predicted_mean_iou, background / 11, of_nothing),
)
assert abs(accuracy - background) <= 1e-12 and accuracy > 0.8, "saying nothing should look good"
assert abs(of_nothing - background / 11) <= 1e-12, "but not by the mean IoU"

# %% [markdown]
# ## What shrinking costs
#
# A ResNet-8 without its head gives a map of 16x16 cells for 64x64 pixels. One class a cell is too coarse, so
# the *logits* are enlarged again by bilinear interpolation. How good could the best possible network be?
# Give each cell the true fractions of the classes in its pixels, enlarge these, take the largest.
#
# **Predict** the mean IoU for cells of 4, 8 and 16 pixels.

# %%
predicted_ceilings = {4: 0.95, 8: 0.8, 16: 0.6}


def enlarge(maps, factor):
    """Return maps (N, C, H, W), each side times factor."""
    return Upsample(factor).predict(maps)


true = np.where(test_pixels == VOID, 0, test_pixels)
one_hot = (true[:, None] == np.arange(CLASSES)[:, None, None]).astype(np.float32)
ceilings = {}
for factor in predicted_ceilings:
    n, c, h, w = one_hot.shape
    cells = one_hot.reshape(n, c, h // factor, factor, w // factor, factor).mean(axis=(3, 5))
    answer = enlarge(cells, factor).argmax(axis=1)
    ceilings[factor] = mean_iou(answer, test_pixels, CLASSES, ignore_index=VOID)
print()
lesson.table(
    ("pixels a side of a cell", *ceilings),
    ("mean IoU, predicted", *predicted_ceilings.values()),
    ("measured, with true fractions", *ceilings.values()),
)
assert ceilings[4] > ceilings[8] + 0.1 > ceilings[16] + 0.2, "each halving should cost much"

# %% [markdown]
# Strokes are three or four pixels wide: a cell of 16 holds more background than ink. That is why the paper's
# FCN-8s adds the finer maps of earlier layers to that of FCN-32s. Ours has cells of 4.
#
# ## Enlarging, backwards
#
# Bilinear interpolation is linear: $Y = U X U^\top$ with a matrix $U$ that has a row for each new pixel,
# whose weights add up to 1. So its backward is $\partial X = U^\top\,\partial Y\;U$: another matrix product.
# It *sums* in each cell what its pixels send back, by their weights. **Predict:** if every pixel sends back
# 1, what do the gradients of all cells add up to?

# %%
predicted_sum = "cells"  # or "pixels"?
rng = np.random.default_rng(0)
layer = Upsample(4)
coarse = rng.standard_normal((1, 2, 3, 5))
_, cache = layer.forward(coarse, train=True)
dx = layer.backward(np.ones((1, 2, 12, 20)), cache)
report = gradcheck.check_gradients(Upsample(4), coarse, train=True, rng=rng)
print()
lesson.table(
    ("3x5 cells, 12x20 pixels", "predicted", "derived", "measured"),
    ("sum of the gradient of a map", predicted_sum, 12 * 20, dx[0, 0].sum()),
    ("least gradient of a cell", None, 4 * 4, dx.min()),
    ("largest", None, 4 * 4, dx.max()),
    ("relative error of dx", None, 0, report.error),
)
assert abs(dx.sum() - 2 * 12 * 20) <= 1e-9, "every pixel's gradient should arrive"
assert abs(dx - 16).max() <= 1e-9, "every cell, at the edge too, stands for 4x4 pixels"
assert report.ok and report.error < 1e-6, "the gradient of the interpolation should be right"

# %% [markdown]
# ## Train
#
# The network: trunk, a 1x1 convolution to eleven logits, enlarged four times. The loss is the cross-entropy
# of every pixel that is not void. Background is most of it, so digits get five times its weight.
#
# A scene holds two or three digits, a step of four scenes about ten: few for learning what digits look like.
# A classifier of single digits learns that from 64 in a step. So we train twice: from scratch, and with a
# trunk that was trained on single digits before ("plug-in features").
#
# **Predict** mean IoU for both, and how well digits are told from background *whatever digit it is*.

# %%
predicted = {"from scratch": (0.2, 0.6), "pre-trained": (0.3, 0.7)}
LR, WEIGHTS = 0.03, np.array([1.0] + 10 * [5.0], np.float32)
normalise = data.Normalisation(np.full((1, 1, 1), MEAN), np.full((1, 1, 1), STD))


def segment(classifier, seed):
    """Return an FCN on the classifier's trunk, trained."""
    rng = np.random.default_rng(seed)
    backbone = detection.trunk_of(copy.deepcopy(classifier))
    net = fcn(backbone, num_classes=CLASSES, image_shape=train.image_shape, rng=rng)
    optimiser = optim.SGD(net.named_parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    schedule = optim.Cosine(LR, STEPS)
    for step in range(STEPS):
        batch = rng.choice(len(train), 4, replace=False)
        y, cache = net.forward(normalise(train.images[batch]), train=True)
        labels = train_pixels[batch].astype(np.int64)
        _, loss_cache = F.pixel_cross_entropy_forward(y, labels, ignore_index=VOID, class_weights=WEIGHTS)
        optimiser.zero_grad()
        net.backward(F.pixel_cross_entropy_backward(1.0, loss_cache), cache)
        optimiser.lr = schedule(step)
        optimiser.step()
    return net


start = {
    "from scratch": models.build("resnet8", in_channels=1, rng=np.random.default_rng(0)),
    "pre-trained": learn_single_digits("resnet8", normalise, epochs=EPOCHS, seed=0),
}
answers, scores = {}, {}
for name, classifier in start.items():
    net = segment(classifier, seed=1)
    answers[name] = net.predict(normalise(test.images)).argmax(axis=1)
    ink = class_ious(answers[name] > 0, np.where(counted, test_pixels > 0, VOID), 2, ignore_index=VOID)
    scores[name] = mean_iou(answers[name], test_pixels, CLASSES, ignore_index=VOID), ink[1]
print()
lesson.table(
    (f"{STEPS} steps", "mean IoU, predicted", "measured", "IoU of ink, predicted", "measured "),
    *((name, predicted[name][0], scores[name][0], predicted[name][1], scores[name][1]) for name in scores),
    ("a map of true fractions", None, ceilings[4], None, None),
)
if SETTING != "fast":
    assert scores["pre-trained"][0] >= scores["from scratch"][0] + 0.04, "knowing digits should help"
    assert min(score[1] for score in scores.values()) >= 0.4, "ink is told from clutter"
    assert min(score[0] for score in scores.values()) >= 1.3 * of_nothing, "and digits from each other"

# %%
truth = np.where(counted, test_pixels, 0)
pictures = {name: pixels[:3] for name, pixels in {"what is there": truth, **answers}.items()}
lesson.show(plot.pixel_classes(test.images[:3], pictures, class_names=NAMES))

# %% [markdown]
# *Where* is learned before *what*: ink is told from background while digits are still taken for one another.
# Far from the ceiling, the network lacks training more than resolution: `--full` takes ten times the steps.
#
# ## What to keep
#
# - A fully-connected head on a map is a 1x1 convolution: any classifier's trunk answers for every cell.
# - Interpolation is a matrix; its backward is the transpose.
# - Mean IoU counts every class alike; accuracy is nearly blind to small ones.
# - The stride of the trunk bounds what can be reached, whatever it has learned.
#
# ## What to try next
#
# Set `WEIGHTS` to ones: which IoU falls, and which rises? Give `trunk_of` a `last="stage2"`: the ceiling
# rises, but what does the network lose?
#
# ## Exercises
#
# 1. Of 100 pixels 20 are a digit's. A network marks 30 pixels, 15 of them rightly. What is the IoU of the
#    digit, and of the background?
# 2. Void pixels have no loss. What is the gradient of their logits, and of a cell all of whose pixels are
#    void?
#
# ## Answers
#
# 1. Digit: $15 / (20 + 30 - 15) = 0.43$. Background: of 80 pixels $80 - 15 = 65$ are right, and 70 are said
#    to be background, so $65 / (80 + 70 - 65) = 0.76$.
# 2. Zero. The cell's gradient is zero only if the pixels *around* it that interpolate with it are void too.
