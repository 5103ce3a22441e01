"""What keeps a run from being ruined by a number that is infinite or NaN: a look now and then, a copy of the
last good state, and a search for the layer where it began."""

from collections.abc import Iterable, Mapping
from typing import Any

from minires.backend import array_module
from minires.functional import dispatch
from minires.typing import Array, Generator


class NotFiniteError(ValueError):
    """Training met an infinite number or NaN; the message says where, at which step and learning rate."""


def all_finite(arrays: Iterable[Array]) -> Array:
    """Return a 0-d boolean array: whether all numbers are finite. On a GPU nothing waits for it.

    Parameters
    ----------
    arrays
        One or more, floating-point, on one device.

    Notes
    -----
    One sum an array is enough, for a sum is finite only if every summand is. (In float64, where the sum of
    finite float32 numbers is finite.)
    """
    arrays = list(arrays)
    xp = array_module(*arrays)
    return xp.isfinite(xp.stack([array.sum(dtype="float64") for array in arrays])).all()


class FiniteSoFar:
    """Remembers whether every number looked at was finite.

    Parameters
    ----------
    arrays
        Those that are looked at again and again; they keep their identity.

    Attributes
    ----------
    flag : 0-d boolean array
        On a GPU nothing waits for it.
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        self._arrays = list(arrays)
        self.flag = array_module(self._arrays[0]).ones((), bool)
        look_at_once = dispatch.find("AllFinite", self._arrays)
        self._at_once = look_at_once(self._arrays) if look_at_once else None

    def look(self, loss: Array) -> None:
        """Look at the loss (0-d) and at the arrays."""
        if self._at_once is None:
            self.flag &= all_finite([loss, *self._arrays])
            return
        self._at_once.into(self.flag)
        self.flag &= array_module(loss).isfinite(loss)

    def forget(self) -> None:
        """Begin anew."""
        self.flag.fill(True)


class GoodState:
    """A copy of all that training changes: arrays, random states, and the place in the run.

    Parameters
    ----------
    arrays
        {name: live array}, written back in place.
    generators
        {name: generator}, written back in place.
    place
        Any object, which `restore` gives back.
    """

    def __init__(self, arrays: Mapping[str, Array], generators: Mapping[str, Generator], place: Any) -> None:
        self._live, self._generators = arrays, generators
        self._copies = {name: array_module(array).empty_like(array) for name, array in arrays.items()}
        self.keep(place)

    def keep(self, place: Any) -> None:
        """Copy everything as it is now."""
        for name, array in self._live.items():
            self._copies[name][...] = array
        self._states = {name: rng.bit_generator.state for name, rng in self._generators.items()}
        self._place = place

    def restore(self) -> Any:
        """Bring everything back to how it was when kept last; return the place of then."""
        for name, array in self._live.items():
            array[...] = self._copies[name]
        for name, rng in self._generators.items():
            rng.bit_generator.state = self._states[name]
        return self._place
