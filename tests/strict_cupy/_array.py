"""The array of the stand-in: values in host memory, behind the walls that CuPy's array has."""

import sys

import numpy as np

from ._names import SECTIONS, signature

PACKAGE = __package__
DTYPE_CHARACTERS = "?bBhHiIlLqQefdFD"  # CuPy has no strings, objects, dates or long doubles
METHODS = {name: signature(text) for name, text in SECTIONS["ndarray methods"].items()}
COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
SYNCHRONISING_METHODS = {"nonzero", "compress", "choose", "tolist", "tobytes", "item"}


# Streams that are current, and what the captured one will do when its graph is launched. CuPy cannot capture
# products (cuBLAS), and joins arrays by uploading a list of their addresses.
streams = []
NOT_IN_A_GRAPH = {"matmul", "dot", "vdot", "inner", "tensordot", "einsum", "concatenate", "stack"}


def captured():
    """Return the list of what the stream that is captured will do, or None."""
    return streams[-1].work if streams else None


def do(work):
    """Call work() now or, in a stream that is captured, whenever its graph is launched."""
    if captured() is None:
        work()
    else:
        captured().append(work)


def refuse_in_a_graph(name):
    """Raise for what CuPy cannot capture."""
    if captured() is not None and name in NOT_IN_A_GRAPH:
        raise NotImplementedError(f"{name} during stream capture is unsupported")


def count(kind, times=1):
    """Add to one of the counters launches, synchronisations, uploads of the package."""
    if kind != "launches" and captured() is not None:
        raise RuntimeError(
            "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
        )
    package = sys.modules[PACKAGE]
    setattr(package, kind, getattr(package, kind) + times)


def unsupported(value):
    """Return the TypeError that CuPy raises for an operand that is neither its array nor a scalar."""
    return TypeError(
        f"Unsupported type {type(value)}: expected a {PACKAGE} array or a scalar; move it there first"
    )


def is_scalar(value):
    """Tell whether CuPy takes value as a scalar: Python's four number types themselves, or a NumPy scalar."""
    return type(value) in (bool, int, float, complex) or isinstance(value, np.generic)


def check_operand(value):
    """Raise TypeError unless value is a strict array or a scalar."""
    if not isinstance(value, ndarray) and not is_scalar(value):
        raise unsupported(value)


def unwrap(value, arguments):
    """Return value with every strict array in it replaced by its host array; append those to arguments.

    Raises TypeError if there is a NumPy array in it.
    """
    if isinstance(value, ndarray):
        arguments.append(value)
        return value._host
    if isinstance(value, np.ndarray):
        raise unsupported(value)
    if type(value) in (list, tuple):
        return type(value)(unwrap(item, arguments) for item in value)
    if isinstance(value, dict):
        return {key: unwrap(item, arguments) for key, item in value.items()}
    return value


def memory_of(host):
    """Return the array that owns the memory of host (an as_strided view hides it behind a helper object)."""
    while getattr(host, "base", None) is not None:
        host = host.base
    return host


def wrap(result, arguments=()):
    """Return result with NumPy arrays and scalars turned into strict arrays.

    An array that *is* one of the arguments' (`out=`) comes back as that very argument.
    """
    if isinstance(result, (list, tuple)):
        items = [wrap(item, arguments) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    for argument in arguments:
        if argument._host is result:
            return argument
    host = np.asarray(result)
    if host.dtype.char not in DTYPE_CHARACTERS:
        raise ValueError(f"Unsupported dtype {host.dtype}")
    array = object.__new__(ndarray)
    array._host, array._base = host, None
    for argument in arguments:
        if host.base is not None and memory_of(host) is memory_of(argument._host):
            array._base = argument if argument._base is None else argument._base
    return array


def bind(name, parameters, args, kwargs):
    """Return (args, kwargs) as given, or raise TypeError where CuPy's function takes no such argument."""
    try:
        bound = parameters.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{PACKAGE}.{name}{parameters}: {error}") from None
    return bound.args, bound.kwargs


def call(function, args, kwargs, *, may_return_argument=False):
    """Call a NumPy function on the host arrays of strict arguments and wrap what it returns.

    Counts one launch unless everything that it returns is a view; may_return_argument says that an argument
    that comes back as it was is no launch either (otherwise it is the filled `out`).
    """
    refuse_in_a_graph(function.__name__)
    arguments = []
    args, kwargs = unwrap(tuple(args), arguments), unwrap(kwargs, arguments)

    def compute():
        with np.errstate(all="ignore"):  # CuPy never warns of overflow or 0 / 0
            return function(*args, **kwargs)

    if captured() is not None and isinstance(kwargs.get("out"), np.ndarray):
        count("launches")
        captured().append(compute)  # nothing is written before the graph is launched
        return wrap(kwargs["out"], arguments)
    result = wrap(compute(), arguments)
    results = result if isinstance(result, (list, tuple)) else [result]
    given = {id(argument) for argument in arguments}
    free = [
        may_return_argument if id(item) in given else isinstance(item, ndarray) and item._base is not None
        for item in results
    ]
    if not (free and all(free)):
        count("launches")
        if captured() is not None:
            captured().append(lambda: write_again(results, compute()))
    return result


def write_again(results, values):
    """Write values, an array or a sequence of them, into the strict arrays of an earlier result."""
    for result, value in zip(results, values if isinstance(values, (list, tuple)) else [values], strict=True):
        result._host[...] = value


def uninitialised(host):
    """Fill a new host array with values that spoil every result they enter, as unwritten GPU memory may."""
    if host.dtype.kind in "fc":
        host.fill(np.nan)
    elif host.dtype.kind in "iu":
        host.fill(np.iinfo(host.dtype).min + 77 if host.dtype.kind == "i" else np.iinfo(host.dtype).max - 77)
    return host


def host_index(index):
    """Return (a tuple for a NumPy array, whether it copies) for an index of a strict array."""
    parts, copies = [], False
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, np.ndarray):
            raise TypeError(
                f"index: expected a {PACKAGE} array, got a NumPy array (CuPy would upload it each time)"
            )
        if isinstance(part, (list, tuple)):
            part = wrap(np.asarray(unwrap(part, [])) if len(part) else np.zeros(0, np.int32))
            count("uploads")
        if isinstance(part, ndarray):
            if part.dtype.kind not in "biu":
                raise IndexError(
                    f"arrays used as indices must be of integer or boolean type, not {part.dtype}"
                )
            if part.dtype.kind == "b":
                count("synchronisations")  # CuPy counts the True ones to know the shape, in x[mask] = y too
            part, copies = part._host, True
        parts.append(part)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)  # so that NumPy gives a 0-d view, as CuPy does, and no scalar
    return tuple(parts), copies


class Flags:
    """What CuPy tells of an array's memory: its order and who owns it; nothing about writing."""

    def __init__(self, array):
        self.c_contiguous = array._host.flags.c_contiguous
        self.f_contiguous = array._host.flags.f_contiguous
        self.owndata = array._base is None
        self.fnc = self.f_contiguous and not self.c_contiguous
        self.forc = self.f_contiguous or self.c_contiguous

    def __getitem__(self, name):
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return getattr(self, name.lower())


class MemoryPointer:
    """Where an array begins; keeps its memory alive, as CuPy's does."""

    def __init__(self, array):
        self.ptr, self._keep = array._host.ctypes.data, array


class ndarray:
    """An array that only this package can read. See the package's docstring for what it refuses."""

    __slots__ = ("_host", "_base")
    __module__ = PACKAGE
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError(f"{PACKAGE}.ndarray: memptr and strides are not simulated")
        self._host, self._base = uninitialised(np.empty(shape, dtype, order)), None

    dtype = property(lambda self: self._host.dtype)
    strides = property(lambda self: self._host.strides)
    size = property(lambda self: self._host.size)
    ndim = property(lambda self: self._host.ndim)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    base = property(lambda self: self._base)
    flags = property(Flags)
    data = property(lambda self: MemoryPointer(self))
    T = property(lambda self: wrap(self._host.T, [self]))
    mT = property(lambda self: wrap(self._host.mT, [self]))

    @property
    def shape(self):
        return self._host.shape

    @shape.setter
    def shape(self, shape):
        view = self._host.reshape(shape)
        if view.base is None or memory_of(view) is not memory_of(self._host):
            raise AttributeError("incompatible shape for a non-contiguous array")
        self._host = view

    @property
    def real(self):
        return call(np.real, (self,), {}, may_return_argument=True)

    @property
    def imag(self):
        return call(np.imag, (self,), {})

    def __getattr__(self, name):
        if name in METHODS or name in SECTIONS["ndarray attributes"]:
            raise NotImplementedError(f"cupy.ndarray has {name}, but {PACKAGE} does not simulate it")
        raise AttributeError(f"cupy.ndarray has no attribute {name!r}")

    # Out of the device: each of these waits for it.

    def get(self, stream=None, order="C", out=None, blocking=True):
        count("synchronisations")
        if out is None:
            return self._host.copy(order)
        if out.dtype != self.dtype or out.shape != self.shape:
            raise TypeError(
                f"{out.dtype}{out.shape} array cannot be obtained from {self.dtype}{self.shape} array"
            )
        out[...] = self._host
        return out

    def __bool__(self):
        if self.size != 1:
            raise ValueError(f"The truth value of an array with {self.size} elements is ambiguous")
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __complex__(self):
        return complex(self.get())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, specification):
        return format(self.get(), specification)

    def __reduce__(self):
        return sys.modules[PACKAGE].asarray, (self.get(),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # Into the device.

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError(f"Only numpy.ndarray can be set to {PACKAGE}.ndarray, got {type(arr)}")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        count("uploads")
        self._host[...] = arr

    def fill(self, value):
        if isinstance(value, np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        check_operand(value)
        if isinstance(value, ndarray):
            count("synchronisations")  # CuPy compares the value with zero first
            value = value._host
        count("launches")
        do(lambda: self._host.fill(value))

    # What NumPy tries, and is refused.

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc.__name__ in COMPARISONS:  # numpy.float32(2) < array comes as a 0-d array (numpy issue 12142)
            inputs = [
                value[()] if type(value) is np.ndarray and not value.ndim else value for value in inputs
            ]
        for value in (*inputs, *kwargs.get("out", ())):
            check_operand(value)
        if method == "__call__" and not kwargs and any(isinstance(value, np.generic) for value in inputs):
            return getattr(sys.modules[PACKAGE], ufunc.__name__)(*inputs)  # numpy.float32(2) * array
        raise TypeError(
            f"numpy.{ufunc.__name__} called on a {PACKAGE} array: call it through the array's own module"
        )

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(
            f"numpy.{function.__name__} called on a {PACKAGE} array: call it through the array's own module"
        )

    # A container of arrays: what it yields are 0-d arrays and views, never Python numbers.

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[position] for position in range(self.shape[0]))

    def __getitem__(self, index):
        index, copies = host_index(index)
        result = wrap(self._host[index], [self])
        if copies:
            count("launches")
            if captured() is not None:
                captured().append(lambda: write_again([result], self._host[index]))
        return result

    def __setitem__(self, index, value):
        if isinstance(value, np.ndarray):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        check_operand(value)
        index, copies = host_index(index)
        value = value._host if isinstance(value, ndarray) else value
        target = None if copies else self._host[index]
        if isinstance(value, np.ndarray) and target is not None and is_same_view(target, value):
            return  # the second half of x[i] += y
        count("launches")

        def write():
            with np.errstate(all="ignore"):
                self._host[index] = value

        do(write)


def is_same_view(first, second):
    """Tell whether two host arrays are the same elements in the same order."""
    layouts = [(array.ctypes.data, array.shape, array.strides, array.dtype) for array in (first, second)]
    return layouts[0] == layouts[1]


def method(name, parameters):
    """Return the method of ndarray that takes CuPy's arguments and computes with NumPy's method."""

    def bound_method(self, *args, **kwargs):
        args, kwargs = bind(f"ndarray.{name}", parameters, args, kwargs)
        if name == "dot" and not isinstance(args[0], ndarray):
            raise unsupported(args[0])
        if name in SYNCHRONISING_METHODS:
            count("synchronisations")
        result = call(getattr(np.ndarray, name), (self, *args), kwargs, may_return_argument=name == "astype")
        return result

    bound_method.__name__ = name
    return bound_method


for _name, _parameters in METHODS.items():
    if hasattr(np.ndarray, _name) and _name not in ("get", "set", "fill", "dump", "dumps", "tofile"):
        setattr(ndarray, _name, method(_name, _parameters))
