"""A training step that a GPU's host calls once and the GPU then repeats: captured as a CUDA graph, and
replayed.

A graph is a list of launches with fixed addresses. So whatever a captured step reads and writes has to stay
where it is: images and labels are copied into buffers of their own, parameters and sums are changed in place,
and the memory that the step takes while it is captured comes from a pool that nobody else may use afterwards.
Whatever Python decides in a step (a number, a random draw) is decided once; hence the learning rate is a
number on the GPU, and networks that draw at random are not captured.
"""

import contextlib

from minires.backend import array_module
from minires.kernels.cuda import blas
from minires.kernels.cuda.update import is_same

WARM_UP = 2  # eager steps of one shape before the capture: kernels get compiled, tables uploaded


class CapturedStep:
    """Takes training steps: eagerly, or by replaying a graph where that is possible. It falls back by itself.

    step: function of (images, labels), arrays on the device; it computes in place, returns nothing, and does
    not wait for the device. like: an array of the device. prepare: called before every step, outside of the
    graph. depends_on: returns the tuples of objects that a step has built in; if one is exchanged, a new
    graph is made. random: whether the step draws random numbers.

    refused: None, or why steps are not captured. graph: None until one is captured.
    """

    def __init__(self, step, *, like, prepare, depends_on, random=False):
        self.xp, self._step, self._prepare, self._depends_on = array_module(like), step, prepare, depends_on
        self.graph, self.refused, self._eager_steps = None, None, 0
        self._built_in, self._images, self._labels = [], None, None
        if random:
            self.refused = "the network draws random numbers (dropout, stochastic depth)"
        else:
            self._stream, self._pool = self.xp.cuda.Stream(non_blocking=True), self.xp.cuda.MemoryPool()

    def __call__(self, images, labels):
        """Take one step. images, labels: NumPy arrays; a batch of another size is taken eagerly."""
        self._prepare()
        if self.refused or not self._fits(images, labels):
            self._step(self.xp.asarray(images), self.xp.asarray(labels))
            return
        with self._own_stream_and_pool():
            self._images[...] = self.xp.asarray(images)
            self._labels[...] = self.xp.asarray(labels)
            if self.graph is None and self._eager_steps >= WARM_UP:
                self._try_to_capture()
            if self.graph is None:
                self._step(self._images, self._labels)
                self._eager_steps += 1
            else:
                self.graph.launch()

    def _fits(self, images, labels):
        """Whether the buffers have this batch's shape. The first batch decides, for all others but the last
        are as large; if anything built in has been exchanged, it begins anew."""
        if self._images is None:
            self._images = self.xp.empty(images.shape, images.dtype)
            self._labels = self.xp.empty(labels.shape, labels.dtype)
        now = self._depends_on()
        if not is_same(now, self._built_in):
            self.graph, self._eager_steps, self._built_in = None, 0, now
        return images.shape == self._images.shape and labels.shape == self._labels.shape

    @contextlib.contextmanager
    def _own_stream_and_pool(self):
        """Work on the stream that can be captured, after all earlier work and before all later."""
        outer = self.xp.cuda.get_current_stream()
        self._stream.wait_event(outer.record())
        with self._stream, self.xp.cuda.using_allocator(self._pool.malloc):
            yield
        outer.wait_event(self._stream.record())

    def _try_to_capture(self):
        """Set graph, or refused to what stood in the way. Nothing is computed yet in either case."""
        try:
            blas.handle(self.xp).use(self._stream)
            self._stream.begin_capture()
            try:
                self._step(self._images, self._labels)
            except BaseException:
                with contextlib.suppress(Exception):  # a broken capture ends with an error of its own
                    self._stream.end_capture()
                raise
            self.graph = self._stream.end_capture()
        except (
            Exception
        ) as error:  # whatever it is: the same step is now taken eagerly, and raises if it must
            self.refused = f"it cannot be captured: {type(error).__name__}: {error}"
