"""How good a network is: its mean loss and its top-1 and top-5 errors over many batches."""

from collections.abc import Callable
from types import ModuleType

import numpy as np

import minires.functional as F
from minires.backend import array_module, to_numpy
from minires.data.batches import Batches
from minires.layers import Layer
from minires.surgery import fold
from minires.train.metrics import ranks
from minires.typing import Array


class Tally:
    """Sums loss and errors over images where the arrays are; only `read` makes a GPU's host wait.

    Parameters
    ----------
    xp
        The module of the arrays, numpy or cupy.

    Attributes
    ----------
    sums : float64 (4,)
        Loss, top-1 errors, top-5 errors, images.
    """

    def __init__(self, xp: ModuleType) -> None:
        self.sums = xp.zeros(4, np.float64)

    def add(self, loss: Array, logits: Array, labels: Array) -> None:
        """Count a batch.

        Parameters
        ----------
        loss : 0-d array
            The batch's mean.
        logits : (N, classes)
        labels : integers (N,)
        """
        rank = ranks(logits, labels)
        self.sums[0] += loss * len(labels)
        self.sums[1] += (rank >= 1).sum()
        self.sums[2] += (rank >= 5).sum()
        self.sums[3] += len(labels)

    def read(self, prefix: str, classes: int) -> dict[str, float]:
        """Return {PREFIX_loss: nats, PREFIX_error: fraction of the images}.

        With more than 5 classes there is PREFIX_error_top5 too.
        """
        loss, top1, top5, images = to_numpy(self.sums).tolist()
        result = {f"{prefix}_loss": loss / images, f"{prefix}_error": top1 / images}
        return result | ({f"{prefix}_error_top5": top5 / images} if classes > 5 else {})


def evaluate(
    net: Layer,
    batches: Batches,
    *,
    prefix: str = "test",
    batch_done: Callable[[], object] = lambda: None,
    predict: Callable[[Array], Array] | None = None,
) -> dict[str, float]:
    """Return loss and errors of a network, in eval mode, on all images of a data set.

    Parameters
    ----------
    prefix
        What the keys begin with.
    batch_done
        Called after every batch.
    predict
        Makes logits (N, classes) of a batch's x instead of `surgery.fold(net).predict`; for ten crops of
        every image see `ten_crop.predict_crops`.

    Returns
    -------
    {"test_loss": nats, "test_error": fraction of the images}, and "test_error_top5" with more than 5 classes

    Examples
    --------
    >>> from minires import data, models
    >>> train, test = data.load("digits")
    >>> normalise = data.Normalisation.fit(train)
    >>> net = models.build("resnet8", in_channels=1, rng=rng)
    >>> batches = data.Batches(test, batch_size=100, seed=0, normalisation=normalise, shuffle=False)
    >>> sorted(evaluate(net, batches))
    ['test_error', 'test_error_top5', 'test_loss']
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
