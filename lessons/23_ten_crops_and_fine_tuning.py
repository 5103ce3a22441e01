# %% [markdown]
# # 23. Ten crops and fine-tuning
#
# **Question.** Two habits of people who have a trained network. They ask it ten times about one image
# and average: how, and what does it buy? And they keep its layers and train a new head for their own
# task: when is that better than starting anew?
#
# *Time: 14 s. Before this: lesson 5. Sources: the ICML 2016 tutorial, slides "ImageNet experiments"
# (10-crop testing) and "plug-in features"; Krizhevsky et al. 2012, section 4.1; He et al. 2015
# (arXiv:1512.03385), tables 3 to 5.*

# %%
import math

import numpy as np

import minires.functional as F
from minires import data, lesson, models, optim, plot, published, surgery
from minires.combine import Sequential
from minires.layers import Flatten, Linear
from minires.ten_crop import predict_crops, predict_ten_crop, ten_crops

# %% [markdown]
# ## Ten crops
#
# A network for 224x224 pixels sees of a larger image only a window. Ten-crop testing shows it ten: the
# four corners, the centre, and the same five of the mirror image. The papers cut 224 of 256 pixels; the
# windows in this picture are smaller, so that the eye can tell them apart.


# %%
def picture(size):
    """Return a drawn landscape with a boat, uint8 (1, 3, size, size)."""
    y, x = np.mgrid[:size, :size] / size
    image = np.stack([0.55 + 0.35 * y, 0.7 + 0.2 * y, np.full_like(y, 0.95)])  # the sky

    def paint(where, *colour):
        image[:, where] = np.array(colour)[:, None]

    paint((x - 0.2) ** 2 + (y - 0.2) ** 2 < 0.008, 1, 0.9, 0.3)  # the sun
    paint(y > 0.35 + 0.9 * abs(x - 0.75), 0.45, 0.5, 0.55)  # mountains
    paint(y > 0.45 + 0.6 * abs(x - 0.45), 0.35, 0.45, 0.4)
    paint(y > 0.65, 0.15, 0.35, 0.6)  # the sea
    paint((y > 0.78) & (y < 0.86) & (abs(x - 0.35) < 1.06 - y), 0.5, 0.25, 0.1)  # the boat
    paint((x > 0.34) & (x < 0.36) & (y > 0.35) & (y < 0.8), 0.3, 0.15, 0.05)
    paint((x > 0.38) & (y < 0.74) & (y > 0.38 + 1.3 * (x - 0.38)), 0.95, 0.95, 0.9)
    return (255 * image).round().astype(np.uint8)[None]


SIZE, CROP = 256, 176
NAMES = ("top left", "top right", "bottom left", "bottom right", "centre")
image = picture(SIZE)
mirror = image[..., ::-1]
crops = ten_crops(image, CROP)[0]
spare = SIZE - CROP
corners = [(0, 0), (0, spare), (spare, 0), (spare, spare), (spare // 2, spare // 2)]
views = {"the image": image[0], **{f"{i + 1}: {name}": crops[i] for i, name in enumerate(NAMES)}}
views |= {"its mirror image": mirror[0], **{f"{i + 6}: {name}": crops[i + 5] for i, name in enumerate(NAMES)}}
frames = [(*corner, CROP, CROP) for corner in corners]
lesson.show(plot.mosaic(views, boxes={"the image": frames, "its mirror image": frames}))

# %% [markdown]
# The first five crops of the mirror image are the last five of the image, and the other way round. So
# ten crops of the two are the same set, and the average score cannot tell an image from its mirror
# image, whatever the network. A single crop's score can.

# %%
EXCHANGED = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
assert np.array_equal(ten_crops(mirror, CROP), ten_crops(image, CROP)[:, EXCHANGED]), (
    "the two halves change places"
)
rng = np.random.default_rng(0)
net = models.cifar_resnet(depth=8, rng=rng).astype(np.float64)  # any network will do
small, small_mirror = (picture(64)[..., ::step] / 255 - 0.5 for step in (1, -1))
ten = [predict_ten_crop(net, x, 56) for x in (small, small_mirror)]
one = [net.predict(x[..., 4:60, 4:60]) for x in (small, small_mirror)]
lesson.table(
    ("largest difference of a score", "derived", "measured"),
    ("ten crops, image and mirror image", 0, abs(ten[0] - ten[1]).max()),
    ("the centre alone", None, abs(one[0] - one[1]).max()),
)
assert abs(ten[0] - ten[1]).max() <= 1e-12, "ten crops should not tell an image from its mirror image"
assert abs(one[0] - one[1]).max() > 1e-3, "a single crop should"

# %% [markdown]
# ## Which average?
#
# He et al. average the *probabilities* of the ten crops, fb.resnet.torch adds their *logits*. Take two
# classes. Nine crops favour class B by a margin of 1 between the logits; one crop favours class A by a
# margin $m$.
#
# **Predict:** from which $m$ on does A win if the logits are added? And if the probabilities are
# averaged?

# %%
prediction = 9  # by logits; by probabilities: ?

# %% [markdown]
# - Logits: the nine together give B $9 \cdot 1$, so A wins as soon as $m > 9$.
# - Probabilities: each of the nine gives B $\sigma(1) = 1 / (1 + e^{-1}) = 0.731$. The tenth can give at
#   least 0, and $9 \cdot 0.731 / 10 = 0.658$ is still more than half: B wins for every $m$.

# %%
MARGIN = 1
voter = Sequential(Flatten(), Linear(1, 2, bias=False, rng=rng)).astype(np.float64)
voter[1].weight.data[...] = [[1], [0]]  # logits (v, 0) of a crop that holds the number v


def winner(m, average):
    """Return who wins if one crop says m for A and nine say MARGIN for B."""
    crops = np.full((1, 10, 1, 1, 1), -float(MARGIN))
    crops[0, 3] = m
    return "AB"[predict_crops(voter, crops, average=average).argmax()]


def tipping_point(average):
    """Return the least margin, in steps of 0.1, at which A wins; None if it does not below 100."""
    return next((m for m in np.arange(0.05, 100, 0.1) if winner(m, average) == "A"), None)


by_logits, by_softmax = tipping_point("logits"), tipping_point("softmax")
mean_b = 0.9 / (1 + math.exp(-1))
lesson.table(
    ("one sure crop against nine", "predicted", "derived", "measured", "at m = 20"),
    ("A wins by logits from m =", prediction, 9, by_logits, winner(20, "logits")),
    ("A wins by probabilities from m =", None, "never", by_softmax or "never", winner(20, "softmax")),
)
assert abs(by_logits - 9) <= 0.1, "the sum of the logits should tip at the sum of the nine margins"
assert by_softmax is None and mean_b > 0.5, "the mean of the probabilities should never tip"
assert winner(20, "logits") != winner(20, "softmax"), "so the two averages are not the same answer"

# %% [markdown]
# On ImageNet ten crops are worth about one percent of top-5 error (published numbers; the tutorial's
# 7.4, 6.7, 6.1, 5.7). ResNet-34's two numbers are of different networks, the 8.58 with shortcut option
# B, the 7.4 with C.

# %%
single = published.values("imagenet one crop", "top-5 error")
ten = published.values("imagenet ten crops", "top-5 error")
names = [f"resnet{depth}" for depth in (34, 50, 101, 152)]
lesson.table(
    ("top-5 error (%)", *names),
    ("one crop", *(single[name] for name in names)),
    ("ten crops", *(ten[name] for name in names)),
)
assert all(single[name] - ten[name] >= 0.9 for name in names)

# %% [markdown]
# ## Fine-tuning
#
# The tutorial calls a pre-trained network "plug-in features": keep the layers, replace the head, train
# on the target's images. The smallest version freezes everything but the head. Our target is to tell the
# digits 5 to 9 from *two images of each*. We start from three networks: one that was trained on all
# images of the digits 0 to 4, one trained on all ten digits (it knows our classes under other labels, as
# a network for ImageNet's thousand classes knows many of the things that people want to tell apart), and
# one with fresh weights.
#
# Write down the order in which you expect the rows of the next table.

# %%
SEEDS, STEPS = {"fast": (1, 60), "live": (5, 100), "full": (20, 300)}[lesson.setting()]
SHOTS = 2
train_set, test_set = data.load("digits")
normalise = data.Normalisation.fit(train_set)


def digits(dataset, first, last):
    """Return (images, labels from 0) of the digits first to last."""
    chosen = (dataset.labels >= first) & (dataset.labels <= last)
    return normalise(dataset.images[chosen]), dataset.labels[chosen] - first


def fresh(classes, seed):
    return models.build("resnet8", num_classes=classes, in_channels=1, rng=np.random.default_rng(seed))


def fit(net, images, labels, steps, seed):
    """Train the parameters that are not frozen, in place, on mini-batches of up to 50 images; return net."""
    rng = np.random.default_rng(seed)
    optimiser = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        batch = rng.choice(len(labels), min(50, len(labels)), replace=False)
        logits, cache = net.forward(images[batch], train=True)
        loss, loss_cache = F.softmax_cross_entropy_forward(logits, labels[batch])
        optimiser.zero_grad()
        net.backward_parameters(F.softmax_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        optimiser.step()
    return net


FREEZE = "pool"  # everything up to the global average pooling
images, labels = digits(train_set, 5, 9)
test_images, test_labels = digits(test_set, 5, 9)
accuracies, moved = {}, []
for seed in range(SEEDS):
    rng = np.random.default_rng([seed, 1])
    few = np.concatenate([rng.choice(np.flatnonzero(labels == c), SHOTS, replace=False) for c in range(5)])
    sources = {
        "digits 0 to 4": fit(fresh(5, seed), *digits(train_set, 0, 4), STEPS, seed),
        "all ten digits": fit(fresh(10, seed), *digits(train_set, 0, 9), STEPS, seed),
        "nothing": fresh(5, seed),
    }
    for source, trained in sources.items():
        state = {name: array.copy() for name, array in trained.state_dict().items()}
        for way in ("head only", "everything") if source != "nothing" else ("everything",):
            net = fresh(len(state["fc.bias"]), seed)
            net.load_state_dict(state)
            surgery.replace_head(net, 5, rng=np.random.default_rng([seed, 2]))
            if way == "head only":
                surgery.freeze_prefix(net, FREEZE)
            fit(net, images[few], labels[few], 40, seed)
            if way == "head only":
                body = {name: array for name, array in net.state_dict().items() if not name.startswith("fc.")}
                moved.append(sum(array.tobytes() != state[name].tobytes() for name, array in body.items()))
            right = 100 * float((net.predict(test_images).argmax(axis=1) == test_labels).mean())
            accuracies.setdefault((source, way), []).append(right)
lesson.table(
    ("pre-trained on", "then trained", "accuracy (%), mean", "least", "largest"),
    *((source, way, np.mean(a), min(a), max(a)) for (source, way), a in accuracies.items()),
)
print(f"frozen arrays that changed: {sum(moved)} of {len(body)}")
mean = {row: np.mean(found) for row, found in accuracies.items()}
assert sum(moved) == 0, "frozen weights and running averages should be the same bits after training"
assert mean["all ten digits", "head only"] > mean["nothing", "everything"] + 10, (
    "a head is enough where it fits"
)
assert mean["digits 0 to 4", "head only"] < mean["nothing", "everything"], "and not enough where it does not"

# %% [markdown]
# A network that had to tell our classes apart before needs nothing but a new head: two images of each
# class are enough, and training *everything* on ten images does harm. Features made for other digits are
# another matter: with them frozen the accuracy is below that of training from scratch, and where all
# layers go on learning next to nothing is gained. ImageNet's networks transfer so well because a
# thousand classes leave little out; five digits do not.
#
# Freezing covers batch norm: frozen layers run in eval mode, so their running averages stay too (lesson
# 5).
#
# ## What to keep
#
# - Ten crops: about one percent on ImageNet, for ten times the work. Averaging probabilities limits what
#   one crop can say; adding logits does not.
# - Freeze what the target's images are too few to improve, train what the source did not know.
#
# ## What to try next
#
# Set `SHOTS` to 20: which rows of the last table move most? Freeze up to "stage2" instead of "pool".
#
# ## Exercises
#
# 1. With the flips of the mirror image left out there are five crops. From which margin on does one sure
#    crop win against four, by logits and by probabilities?
# 2. Why would ten crops with their mirror images be a mistake on the digits?
#
# ## Answers
#
# 1. By logits from 4; by probabilities never: $4 \cdot 0.731 / 5 = 0.585$. With margins of 0.5 instead
#    of 1 they give $4 \cdot 0.622 / 5 = 0.498$, and one sure crop can win.
# 2. A mirrored 3 is no digit, and the network never saw one in training.
