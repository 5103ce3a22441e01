"""The sub-modules that the library may touch: linalg, lib.stride_tricks, random, cuda."""

import numpy as np

from ._array import PACKAGE, count
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


class Stream:
    """A queue of work on the device, whose end can be waited for."""

    def synchronize(self):
        """Wait until the work is done."""
        count("synchronisations")


Stream.null = Stream()


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
runtime = Namespace("cuda.runtime", {"getDeviceCount": lambda: 1, "getDevice": lambda: 0})
cuda = Namespace(
    "cuda",
    {
        "runtime": runtime,
        "Stream": Stream,
        "Device": Device,
        "get_current_stream": lambda: Stream.null,
        "get_device_id": lambda: 0,
        "is_available": lambda: True,
    },
    SECTIONS["cuda"],
)
