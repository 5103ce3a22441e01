"""How good a network is: its mean loss and its top-1 and top-5 errors over many batches."""

import numpy as np

import minires.functional as F
from minires.backend import array_module, to_numpy
from minires.surgery import fold
from minires.train.metrics import ranks


class Tally:
    """Sums loss and errors over images where the arrays are; only `read` makes a GPU's host wait.

    xp: numpy or cupy. sums: float64 (4,), loss, top-1 errors, top-5 errors, images.
    """

    def __init__(self, xp):
        self.sums = xp.zeros(4, np.float64)

    def add(self, loss, logits, labels):
        """Count a batch. loss: 0-d, the batch's mean; logits: (N, classes); labels: integers (N,)."""
        rank = ranks(logits, labels)
        self.sums[0] += loss * len(labels)
        self.sums[1] += (rank >= 1).sum()
        self.sums[2] += (rank >= 5).sum()
        self.sums[3] += len(labels)

    def read(self, prefix, classes):
        """Return {PREFIX_loss: nats, PREFIX_error: fraction of the images}, and PREFIX_error_top5 where there
        are more than 5 classes."""
        loss, top1, top5, images = to_numpy(self.sums).tolist()
        result = {f"{prefix}_loss": loss / images, f"{prefix}_error": top1 / images}
        return result | ({f"{prefix}_error_top5": top5 / images} if classes > 5 else {})


def evaluate(net, batches, *, prefix="test", batch_done=lambda: None, predict=None):
    """Return what `Tally.read` returns for net, in eval mode, on all images of batches (a `data.Batches`).

    batch_done: called after every batch. predict: makes logits (N, classes) of a batch's x instead of
    `surgery.fold(net).predict`; for ten crops of every image see `ten_crop.predict_crops`.
    """
    predict = predict or fold(net).predict
    xp = array_module(*net.state_dict().values())
    tally = Tally(xp)
    for x, labels in batches.epoch(0):
        x, labels = xp.asarray(x), xp.asarray(labels)
        logits = predict(x)
        loss, _ = F.softmax_cross_entropy_forward(logits, labels)
        tally.add(loss, logits, labels)
        batch_done()
    return tally.read(prefix, len(batches.dataset.class_names))
