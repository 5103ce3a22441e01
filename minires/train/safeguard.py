"""What keeps a run from being ruined by a number that is infinite or NaN: a look now and then, a copy of the
last good state, and a search for the layer where it began."""

from minires.backend import array_module
from minires.functional import dispatch


class NotFiniteError(ValueError):
    """Training met an infinite number or NaN; the message says where, at which step and learning rate."""


def all_finite(arrays):
    """Return a 0-d boolean array: whether all numbers are finite. On a GPU nothing waits for it.

    arrays: one or more, floating-point, on one device. One sum a array is enough, for a sum is finite only
    if every summand is (and so large a sum that it overflows is no good sign either).
    """
    arrays = list(arrays)
    xp = array_module(*arrays)
    return xp.isfinite(xp.stack([array.sum() for array in arrays])).all()


class FiniteSoFar:
    """A 0-d boolean array, `flag`, that is True as long as every number looked at was finite. On a GPU
    nothing waits for it.

    arrays: those that are looked at again and again; they keep their identity.
    """

    def __init__(self, arrays):
        self._arrays = list(arrays)
        self.flag = array_module(self._arrays[0]).ones((), bool)
        look_at_once = dispatch.find("AllFinite", self._arrays)
        self._at_once = look_at_once(self._arrays) if look_at_once else None

    def look(self, loss):
        """Look at the loss (0-d) and at the arrays."""
        if self._at_once is None:
            self.flag &= all_finite([loss, *self._arrays])
            return
        self._at_once.into(self.flag)
        self.flag &= array_module(loss).isfinite(loss)

    def forget(self):
        """Begin anew."""
        self.flag.fill(True)


class GoodState:
    """A copy of all that training changes: arrays, random states, and the place in the run.

    arrays: {name: live array}; generators: {name: numpy.random.Generator}. Both are written back in place.
    place: any object, which `restore` gives back.
    """

    def __init__(self, arrays, generators, place):
        self._live, self._generators = arrays, generators
        self._copies = {name: array_module(array).empty_like(array) for name, array in arrays.items()}
        self.keep(place)

    def keep(self, place):
        """Copy everything as it is now."""
        for name, array in self._live.items():
            self._copies[name][...] = array
        self._states = {name: rng.bit_generator.state for name, rng in self._generators.items()}
        self._place = place

    def restore(self):
        """Bring everything back to how it was when kept last; return the place of then."""
        for name, array in self._live.items():
            array[...] = self._copies[name]
        for name, rng in self._generators.items():
            rng.bit_generator.state = self._states[name]
        return self._place
