"""A stand-in for CuPy that runs on the CPU and is stricter than the GPU: a package to test a library with.

    import strict_cupy

    x = strict_cupy.asarray(numpy_array)     # the only ways in: asarray, array, ndarray.set
    y = (x * 2).sum(axis=0)                  # minires.backend.array_module(x) is strict_cupy
    y.get()                                  # the only ways out: get, asnumpy, float(y), y.item(), ...

What runs here runs on CuPy as far as names, arguments and the mixing of devices go; the values are NumPy's.

As CuPy 14 behaves (names.txt holds its names and signatures; _read_names.py writes that file from a wheel):
- Only CuPy's names exist, here and on the array; others raise AttributeError (`vecdot`, `errstate`, ...). One
  that CuPy has but this package does not simulate raises NotImplementedError (`RawKernel`, `fft`, ...).
- Arguments that CuPy's functions do not take raise TypeError: `where=` and `initial=` everywhere, `mode=` of
  take, `out=` of einsum, `item(0)`. Modes that `pad` lacks raise ValueError.
- A NumPy array or a list beside a strict array raises TypeError, from either side of an operator. Python's
  numbers and NumPy's scalars are welcome; promotion is NumPy 2's.
- Reductions, `x[0, 0]`, `allclose` and `array_equal` give 0-d arrays, never numbers.
- Overflow and 0 / 0 never warn. There is no `setflags`, no `__index__`, no `@=` in place.
- `maximum.reduce` and the like do not exist; `add.at`, `subtract.at`, `maximum.at`, `minimum.at` do.
- Dtypes that a GPU lacks (strings, objects, long double) raise ValueError.

Stricter than CuPy, so that what works by luck or costs a hidden transfer is seen:
- `numpy.add(x, y)` and `numpy.sum(x)` raise TypeError (CuPy would call itself): the library shall call the
  array's own module.
- A NumPy array as an index, or of no dimensions, raises (CuPy uploads it quietly).
- `empty` is full of NaN, or of large integers.
- Indices out of range raise IndexError (CuPy wraps them around); `broadcast_to` gives a read-only view.
- `random` has CuPy's names, and all of them raise when called: draw on the CPU.

Three counters, which a test may set to zero, are the only names that CuPy lacks:
- `synchronisations`: how often the host waited for the device: `get`, `item`, `float`, `bool`, a boolean mask
  as an index (also in `x[mask] = 0`), `nonzero`, `unique`, ..., and `sliding_window_view`, which in CuPy
  reads the window's size back from the device (`as_strided` does not).
- `launches`: calls that compute; views are free. A lower bound: `var`, `pad`, `einsum` launch several.
- `uploads`: transfers from the host, lists as an index included.

A stream can be captured: then nothing is computed but noted, and `Graph.launch` does it, each time on the
same memory; whatever would synchronise or upload raises meanwhile, and so do matrix products, as in CuPy.
`_kernels.kernels()` gives the package a RawKernel that runs CUDA sources on the CPU, given a C++ compiler;
without it there is none, and a library that asks for one runs its generic code.
"""

from . import _functions, _namespaces, _ufunc
from ._array import ndarray as ndarray
from ._names import SECTIONS as _SECTIONS
from ._names import np as _np

__version__ = "14.2.0"
synchronisations = 0
launches = 0
uploads = 0

_UFUNCS = _ufunc.make_ufuncs()
_ufunc.give_operators(_UFUNCS)
globals().update(
    {
        name: getattr(_np, name)
        for name in (*_SECTIONS["types"], *_SECTIONS["constants"])
        if hasattr(_np, name)
    },
    **_UFUNCS,
    **(_functions.make_functions("functions", _np) | _functions.BY_HAND),
)
ufunc, matmul = _ufunc.ufunc, _ufunc.matmul
s_, index_exp = _np.s_, _np.index_exp
linalg, lib, random, cuda = _namespaces.linalg, _namespaces.lib, _namespaces.random, _namespaces.cuda
__getattr__ = _namespaces.missing_name  # for every name that is not set above
