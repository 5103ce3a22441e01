# %% [markdown]
# # 26. A class for every pixel: fully convolutional networks
#
# **Question.** Segmentation asks for the class of every single pixel. A classifier shrinks the image until
# one answer is left. How does it become a network that answers 4,096 times? What does the shrinking cost,
# and which number says how good the answers are?
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
# These are the scenes of lesson 24, but now every pixel has a label: background, or the digit whose ink it
# is. At the edge of the ink nobody can tell; such pixels are *void*. They are neither learned nor counted, as
# in Pascal VOC.

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
        title="White pixels are void",
    ),
    alt=(
        "Three scenes beside the classes of their pixels: the ink of each digit in the colour of its class, "
        "black background, and a white rim of void pixels between the two."
    ),
)

# %% [markdown]
# ## A number for it: mean IoU
#
# The obvious number is the accuracy: the fraction of pixels that are right. The usual one is the *mean IoU*.
# The IoU (intersection over union) of a class is
#
# $$\frac{\text{pixels that are of the class and are said to be}}
# {\text{pixels that are of the class or are said to be}},$$
#
# and the mean is over the classes, here eleven.
#
# ## Predict
#
# - Say "background" everywhere, the laziest answer. Can it look good by one number and bad by the other?
# - A network that shrinks answers once for a *cell* of 4x4, 8x8 or 16x16 pixels, and its answer is enlarged
#   again. Suppose that it knows the true fraction of every class in every cell. Does it then have everything
#   right, or do strokes get lost?
# - Enlarging has a backward. Let every new pixel send back a gradient of 1. Do the cells share it out, or
#   does it add up?
# - Our network trains on a few hundred scenes, from scratch or with a trunk that knows single digits already.
#   How much does that knowledge help, and can *ink* be found without knowing the digits?

# %%
predicted_accuracy = lesson.predict(
    "What fraction of the pixels is right if all are said to be background?", by=0.05
)
predicted_mean_iou = lesson.predict("What is the mean IoU of that answer?", within=1.5)
predicted_ceilings = {
    4: lesson.predict("What mean IoU do cells of 4x4 pixels with true fractions reach?", by=0.1),
    8: lesson.predict("What mean IoU do cells of 8x8 pixels with true fractions reach?", by=0.1),
    16: lesson.predict("What mean IoU do cells of 16x16 pixels with true fractions reach?", by=0.1),
}
predicted_sum = lesson.predict(
    "3x5 cells become 12x20 pixels, each of which sends back 1: what is the sum of the cells' gradients?",
    within=1.1,
)
predicted_mean_ious = {
    "from scratch": lesson.predict("What mean IoU does the network reach, from scratch?", by=0.1),
    "pre-trained": lesson.predict("What mean IoU does the network reach, pre-trained?", by=0.1),
}
predicted_inks = {
    "from scratch": lesson.predict("What is the IoU of ink, whatever the digit, from scratch?", by=0.1),
    "pre-trained": lesson.predict("What is the IoU of ink, whatever the digit, pre-trained?", by=0.1),
}

# %% [markdown]
# ## Derivation: "background" everywhere
#
# If a fraction $b$ of the pixels is background, the accuracy is $b$. The IoU of the background is $b$ too, as
# everything is said to be background; that of each digit is 0. So the mean IoU is $b/11$: it does not let a
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

# %%
lesson.quiz(
    "A network finds half of a digit's pixels and calls no others that digit. What is the IoU of the digit?",
    ("1/2", "the intersection is half of the digit, the union all of it"),
    ("1/3", "for that it would also have to call as many wrong pixels the digit as it finds right ones"),
    ("nearly 1", "that is the accuracy, which consists of background for the most part"),
)

# %% [markdown]
# ## What shrinking costs
#
# A ResNet-8 without its head gives a map of 16x16 cells for 64x64 pixels. One class a cell is too coarse, so
# the *logits* are enlarged again by bilinear interpolation. How good could the best possible network be? We
# give each cell the true fractions of the classes in its pixels, enlarge these, and take the largest.


# %%
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
lesson.table(
    ("mean IoU with true fractions", "predicted", "measured"),
    *((f"cells of {cell}x{cell} pixels", predicted_ceilings[cell], ceilings[cell]) for cell in ceilings),
)
assert ceilings[4] > ceilings[8] + 0.1 > ceilings[16] + 0.2, "each halving should cost much"

# %% [markdown]
# Of the cells of 16x16 pixels that hold any ink, only one in eight holds more ink than background, and the
# largest fraction wins. That is why the paper's FCN-8s adds finer maps, from earlier layers, to the coarse
# one of FCN-32s. Ours has cells of 4x4.
#
# ## Enlarging, backwards
#
# Bilinear interpolation is linear: $Y = U X U^\top$ with a matrix $U$ that has a row for each new pixel,
# whose weights add up to 1. So its backward is $\partial X = U^\top\,\partial Y\;U$: another matrix product.
# It *sums* in each cell what its pixels send back, by their weights. Since the weights of every pixel add up
# to 1, nothing is lost: the sum over the cells is the sum over the pixels.

# %%
rng = np.random.default_rng(0)
layer = Upsample(4)
coarse = rng.standard_normal((1, 2, 3, 5))
_, cache = layer.forward(coarse, train=True)
dx = layer.backward(np.ones((1, 2, 12, 20)), cache)
report = gradcheck.check_gradients(Upsample(4), coarse, train=True, rng=rng)
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

# %%
lesson.quiz(
    "The head of a ResNet pools its map and applies a linear layer. What is left of it in an FCN?",
    ("the linear layer, as a 1x1 convolution", "the same weights answer for every cell of the map"),
    ("nothing", "the logits still have to be computed from the channels of each cell"),
    ("both, at every cell", "after the pooling there is only one cell, and where things are is lost"),
)

# %% [markdown]
# ## Train
#
# The network is a trunk and a 1x1 convolution to eleven logits, whose map is enlarged four times. The loss is
# the mean cross-entropy of the pixels that are not void. Most of them are background, so digits get five
# times its weight.
#
# A scene holds two or three digits, a step of four scenes about ten: few for learning what digits look like.
# A classifier of single digits learns that from 64 in a step. So we train twice: from scratch, and with a
# trunk that was trained on single digits before (the tutorial's "plug-in features").

# %%
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
lesson.table(
    (f"{STEPS} steps", "predicted", "measured"),
    *((f"mean IoU, {name}", predicted_mean_ious[name], scores[name][0]) for name in scores),
    ("mean IoU, a map of true fractions", None, ceilings[4]),
    *((f"IoU of ink, {name}", predicted_inks[name], scores[name][1]) for name in scores),
)
if SETTING != "fast":
    assert scores["pre-trained"][0] >= scores["from scratch"][0] + 0.04, "knowing digits should help"
    assert min(score[1] for score in scores.values()) >= 0.4, "ink is told from clutter"
    assert min(score[0] for score in scores.values()) >= 1.3 * of_nothing, "and digits from each other"

# %%
truth = np.where(counted, test_pixels, 0)
pictures = {name: pixels[:3] for name, pixels in {"what is there": truth, **answers}.items()}
title = "What is there, and what the two networks say"
lesson.show(
    plot.pixel_classes(test.images[:3], pictures, class_names=NAMES, title=title),
    alt=(
        "Three scenes, the true classes of their pixels, and the answers of two networks. After some hundred "
        "steps of training both see where ink is, and the pre-trained one more often says which digit."
    ),
)

# %% [markdown]
# *Where* is learned before *what*: ink is told from background while digits are still taken for one another.
# The ceiling is far away. What this network lacks is training, not resolution: `--full` takes ten times as
# many steps.

# %%
lesson.score()

# %% [markdown]
# ## What to keep
#
# - A fully-connected head on a map is a 1x1 convolution: any classifier's trunk answers for every cell.
# - Interpolation is a matrix; its backward is the transpose.
# - Mean IoU counts every class alike; accuracy is nearly blind to small ones.
# - The stride of the trunk bounds what can be reached, whatever it has learned.
#
# ## What to try next
#
# 1. Set `WEIGHTS` to ones. What becomes of both networks' mean IoU, and of that of ink?
# 2. Give `trunk_of` a `last="stage2"`, so that cells are 2x2 pixels. The ceiling rises. What does the network
#    lose?
#
# ## Exercises
#
# 1. Of 100 pixels 20 are a digit's. A network marks 30 pixels, 15 of them rightly. What is the IoU of the
#    digit, and of the background?
# 2. Void pixels have no loss. What is the gradient of their logits, and of a cell all of whose pixels are
#    void?

# %% [markdown]
# ## Answers
#
# **To try.**
#
# 1. Both fall. The mean IoU is 0.10 from scratch and 0.11 pre-trained (it was 0.13 and 0.28), that of ink
#    0.64 and 0.50 (0.78 and 0.75). While the digit is in doubt, "background" is now the cheapest answer.
# 2. The last stage, and with it the view. A cell now sees 13x13 pixels instead of 25x25, less than a digit,
#    and has 32 channels instead of 64. Ink is still found (0.78 and 0.69), but the mean IoU falls to 0.11
#    and 0.14, although the ceiling rises from 0.90 to 0.97.
#
# **Exercises.**
#
# 1. Digit: $15 / (20 + 30 - 15) = 0.43$. Background: of 80 pixels $80 - 15 = 65$ are right, and 70 are said
#    to be background, so $65 / (80 + 70 - 65) = 0.76$.
# 2. Zero. The cell's gradient is zero only if the pixels *around* it that interpolate with it are void too.
