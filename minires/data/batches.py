"""Mini-batches, prepared in the background while the network computes."""

import collections
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minires import reprs
from minires.data.dataset import Dataset
from minires.data.imagenet import ImageFolder
from minires.kernels.cpu import threads
from minires.typing import Generator

Batch: TypeAlias = tuple[np.ndarray, np.ndarray]  # (x, labels)


class Batches:
    """A data set cut into shuffled, normalised, augmented mini-batches: the data loader.

    Parameters
    ----------
    dataset : Dataset or ImageFolder
    batch_size
        Images in a batch.
    seed
        At least 0.
    normalisation
        From uint8 to float32: a `Normalisation`.
    augment
        Called as augment(images, rng) on normalised images, such as an `Augmentation`; or None: then an
        ImageFolder crops at the centre, not at random.
    dtype
        Of the images handed out.
    shuffle
        False keeps the data set's order.
    drop_last
        Leave out the smaller batch at the end.
    prefetch
        Batches prepared ahead, in a thread; 0, or where none can be started: each when it is asked for.

    Raises
    ------
    TypeError, ValueError
        For what does not fit.

    Notes
    -----
    A single image that is left over at the end joins the batch before it, for batch norm has no statistics of
    one value: 9 images in batches of 4 make batches of 4 and 5. (PyTorch leaves that to `drop_last`, which
    loses an image.)

    All randomness is counted, not remembered: the order of epoch e comes from a generator seeded with
    (seed, e), the augmentation of its batch b from one seeded with (seed, e, b). So a run that resumes in
    the middle of an epoch sees the same bits, and there is no generator to save.

    Examples
    --------
    >>> from minires import data
    >>> train, _ = data.load("digits")
    >>> batches = Batches(train, batch_size=64, seed=0, normalisation=data.Normalisation.fit(train))
    >>> len(batches)
    23
    >>> for x, labels in batches.epoch(0):
    ...     print(x.shape, x.dtype, labels.shape)
    ...     break
    (64, 1, 8, 8) float32 (64,)
    """

    def __init__(
        self,
        dataset: Dataset | ImageFolder,
        *,
        batch_size: int,
        seed: int,
        normalisation: Callable[[np.ndarray], np.ndarray],
        augment: Callable[[np.ndarray, Generator], np.ndarray] | None = None,
        dtype: DTypeLike = np.float32,
        shuffle: bool = True,
        drop_last: bool = False,
        prefetch: int = 2,
    ) -> None:
        _require_integer("batch_size", batch_size, 1)
        _require_integer("seed", seed, 0)
        _require_integer("prefetch", prefetch, 0)
        if drop_last and batch_size > len(dataset):
            raise ValueError(
                f"batch_size: {batch_size} with drop_last leaves no batch of {len(dataset)} images"
            )
        normalisation(dataset.read([0]))  # fitted to other images? say so here, not in a thread later
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self.normalisation = normalisation
        self.augment = augment
        self.dtype = np.dtype(dtype)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.prefetch = int(prefetch)

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        is_kept = rest > 0 and not self.drop_last and not self._joins
        return whole + (1 if is_kept else 0)

    @property
    def largest(self) -> int:
        """Images in the largest batch: batch_size, or one more where a single image is left over."""
        return self.batch_size + (1 if self._joins else 0)

    @property
    def _joins(self) -> bool:
        """Whether the last batch has one image more than the others."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole > 0 and rest == 1 and not self.drop_last

    def __repr__(self) -> str:
        hidden = ("dataset", "normalisation", "dtype", "prefetch")
        options = [f"{name}={value!r}" for name, value in reprs.settings(self, hidden=hidden).items()]
        images = reprs.counted(len(self.dataset), "image")
        return f"<Batches: {len(self):,} of {self.dataset.name}, {images}, {', '.join(options)}>"

    def epoch(self, e: int, start: int = 0) -> Iterator[Batch]:
        """Return an iterator over (x, labels) of epoch number e, beginning with batch number start.

        Parameters
        ----------
        e
            From 0.
        start
            `len(self)` gives an iterator without batches.

        Returns
        -------
        batches of x (n, C, H, W) and labels, int64 (n,)

        Notes
        -----
        What goes wrong in the background is raised here, by the batch that it concerns. Leaving the loop
        early ends the background thread.
        """
        _require_integer("epoch", e, 0)
        _require_integer("start", start, 0)
        if start > len(self):
            raise ValueError(f"start: an epoch has {len(self)} batches, cannot begin with number {start}")
        numbers = range(start, len(self))
        prepare = self._preparation(e)
        if self.prefetch and threads.can_start():
            return _in_background(prepare, numbers, self.prefetch)
        return map(prepare, numbers)

    def _preparation(self, e: int) -> Callable[[int], Batch]:
        """Return the function that makes batch number b of epoch e."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, e, 0]).permutation(order)
        classes = len(self.dataset.class_names)

        def prepare(b: int) -> Batch:
            end = len(order) if self._joins and b == len(self) - 1 else (b + 1) * self.batch_size
            chosen = order[b * self.batch_size : end]
            labels = self.dataset.labels[chosen]
            # Dataset checked them too, but arrays can be written to
            if labels.min() < 0 or labels.max() >= classes:
                raise ValueError(f"batch {b}: expected labels 0 to {classes - 1}, got {labels}")
            if self.augment is None:
                x = self.normalisation(self.dataset.read(chosen))
            else:
                # b + 1: NumPy takes (seed, e) and (seed, e, 0) for the same seed, which is the order's
                rng = np.random.default_rng([self.seed, e, b + 1])
                x = self.augment(self.normalisation(self.dataset.read(chosen, rng)), rng)
            return x.astype(self.dtype, copy=False), labels

        return prepare


def _in_background(prepare: Callable[[int], Batch], numbers: Iterable[int], ahead: int) -> Iterator[Batch]:
    """Yield prepare(b) for b in numbers, in order, with up to `ahead` results being made or waiting."""
    pool = threads.pool(1, "minires-batches")
    waiting: collections.deque[concurrent.futures.Future[Batch]] = collections.deque()
    try:
        for b in numbers:
            waiting.append(pool.submit(prepare, b))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when the consumer leaves its loop: that closes the generator
        pool.shutdown(wait=True, cancel_futures=True)


def _require_integer(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")
