"""The sub-modules that the library may touch: linalg, lib.stride_tricks, random, cuda."""

import contextlib

import numpy as np

from ._array import PACKAGE, count, streams
from ._functions import STRIDE_TRICKS, make_functions
from ._names import SECTIONS
from ._ufunc import matmul


def missing_name(name):
    """Raise NotImplementedError for a name that only CuPy has, AttributeError for one that CuPy lacks too."""
    titles = ("ufuncs", "functions", "types", "constants", "classes", "modules", "objects")
    if any(name in SECTIONS[title] for title in titles):
        raise NotImplementedError(
            f"CuPy has {name}, but {PACKAGE} does not simulate it (NumPy 2 may lack it)"
        )
    raise AttributeError(f"CuPy has no {name!r}: write it with names that both NumPy and CuPy have")


class Namespace:
    """A sub-module of CuPy: the simulated members, and an error that says so for the others it has."""

    def __init__(self, name, members, names=()):
        self.__dict__.update(members, _name=name, _names=set(names))

    def __getattr__(self, name):
        if name in self.__dict__["_names"]:
            raise NotImplementedError(f"CuPy has {self._name}.{name}, but {PACKAGE} does not simulate it")
        raise AttributeError(f"CuPy has no {self._name}.{name}")


class Event:
    """A moment on a stream."""


class Stream:
    """A queue of work on the device, whose end can be waited for, and that can be captured."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self.work = 0 if null else id(self), None

    def synchronize(self):
        """Wait until the work is done."""
        count("synchronisations")

    def __enter__(self):
        streams.append(self)
        return self

    def __exit__(self, *error):
        streams.pop()

    def record(self, event=None):
        """Return an Event that has happened when the work so far is done."""
        return Event()

    def wait_event(self, event):
        """Let later work wait for an event; nothing runs at the same time here."""

    def begin_capture(self, mode=None):
        """Do nothing from now on, but note what is to be done."""
        if not self.ptr:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self.work = []

    def end_capture(self):
        """Return the Graph of what has been noted."""
        work, self.work = self.work, None
        if work is None:
            raise RuntimeError("cudaErrorIllegalState: the stream is not captured")
        return Graph(work)

    def is_capturing(self):
        """Whether what is launched now is only noted."""
        return self.work is not None


Stream.null = Stream(null=True)


class Graph:
    """Captured work, which can be launched again and again, on the same memory each time."""

    def __init__(self, work):
        self.work = work

    def launch(self, stream=None):
        """Do all of it, in order: one launch."""
        count("launches")
        for work in self.work:
            work()

    def upload(self, stream=None):
        """Prepare the first launch."""


class MemoryPool:
    """Memory that is kept for the next array; here it only remembers who used it."""

    def __init__(self, allocator=None):
        self.in_use = False

    def malloc(self, size):
        """Return memory; the stand-in takes it from NumPy."""
        raise NotImplementedError(f"{PACKAGE}.cuda.MemoryPool.malloc is not simulated")


@contextlib.contextmanager
def using_allocator(allocator=None):
    """Take memory from that allocator for a while."""
    allocator.__self__.in_use = True
    try:
        yield
    finally:
        allocator.__self__.in_use = False


class Device:
    """The only device."""

    def __init__(self, device=0):
        self.id = device

    def synchronize(self):
        """Wait until the work is done."""
        count("synchronisations")


def refuse(name):
    """Return a function that refuses to draw random numbers on the device."""

    def function(*args, **kwargs):
        raise NotImplementedError(
            f"{PACKAGE}.random.{name}: draw with numpy.random.Generator on the CPU, then move the numbers"
        )

    return function


linalg = Namespace("linalg", make_functions("linalg", np.linalg, "linalg."), SECTIONS["linalg"])
linalg.__dict__.update(matmul=matmul, LinAlgError=np.linalg.LinAlgError)
stride_tricks = Namespace("lib.stride_tricks", STRIDE_TRICKS, SECTIONS["lib.stride_tricks"])
lib = Namespace("lib", {"stride_tricks": stride_tricks})
random = Namespace("random", {name: refuse(name) for name in SECTIONS["random"]}, SECTIONS["random"])
runtime = Namespace(
    "cuda.runtime",
    {"getDeviceCount": lambda: 1, "getDevice": lambda: 0, "runtimeGetVersion": lambda: 12090},
)
cuda = Namespace(
    "cuda",
    {
        "runtime": runtime,
        "Stream": Stream,
        "Device": Device,
        "get_current_stream": lambda device_id=-1: streams[-1] if streams else Stream.null,
        "Event": Event,
        "Graph": Graph,
        "MemoryPool": MemoryPool,
        "using_allocator": using_allocator,
        "get_device_id": lambda: 0,
        "is_available": lambda: True,
    },
    SECTIONS["cuda"],
)
