"""Backwards that ask forward what the gradient is: the solution of an exercise, its backward made numeric.

    source(exercise, part, "central")

Every style is a right gradient to nine digits on small inputs, and none is what was asked for.
"""

NAMES = {  # inputs that have no gradient
    "labels", "masks", "kernel_size", "stride", "rng", "targets", "positive", "sigma", "gate", "boxes",
    "image_index", "size", "scale",
}  # fmt: skip

HEAD = """
import copy as _copy
import numpy as np
_solution = {forward}


def {forward}(**inputs):
    return _solution(**inputs)[0], inputs


def _leaves(value):
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, (list, tuple)) else []


def _wide(value, dtype):
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value
    if isinstance(value, dict):
        return {{key: _wide(item, dtype) for key, item in value.items()}}
    return [_wide(item, dtype) for item in value] if isinstance(value, list) else value


def _like(value, gradients):
    if isinstance(value, np.ndarray):
        return next(gradients)
    if isinstance(value, dict):
        return {{key: _like(item, gradients) for key, item in value.items()}}
    return [_like(item, gradients) for item in value] if isinstance(value, (list, tuple)) else None


def {backward}(dy, cache):
    dtype = _leaves(cache[{wanted!r}[0]])[0].dtype
    inputs = {{name: _wide(_copy.deepcopy(value), np.float64) for name, value in cache.items()}}
    results = []
    for name in {wanted!r}:
        gradients = [_gradient(array, inputs, dy).astype(dtype) for array in _leaves(inputs[name])]
        results.append(_like(inputs[name], iter(gradients)))
    return tuple(results) if len(results) > 1 else results[0]
"""

CENTRAL = """
def _gradient(array, inputs, dy, h=2e-4):
    gradient = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        old, values = array[place], []
        for step in (-2 * h, -h, h, 2 * h):
            array[place] = old + step
            values.append(np.sum(dy * _solution(**inputs)[0]))
        array[place] = old
        gradient[place] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return gradient
"""

LINEAR = """
def _gradient(array, inputs, dy):
    gradient, base = np.zeros(array.shape), np.sum(dy * _solution(**inputs)[0])
    for place in np.ndindex(array.shape):
        array[place] += 1.0
        gradient[place] = np.sum(dy * _solution(**inputs)[0]) - base
        array[place] -= 1.0
    return gradient
"""

LONG_DOUBLE = """
def _gradient(array, inputs, dy, h=np.longdouble(1e-6)):
    gradient, wide = np.zeros(array.shape), _wide(inputs, np.longdouble)
    which = [leaf is array for leaf in _leaves(inputs)].index(True)
    moved = _leaves(wide)[which]
    for place in np.ndindex(array.shape):
        moved[place] += h
        after = np.sum(dy * _solution(**wide)[0])
        moved[place] -= 2 * h
        gradient[place] = (after - np.sum(dy * _solution(**wide)[0])) / (2 * h)
        moved[place] += h
    return gradient
"""

COMPLEX = """
def _gradient(array, inputs, dy, h=1e-30):
    gradient = np.zeros(array.shape)
    for name, value in inputs.items():
        if value is array:
            inputs[name] = moved = array.astype(complex)
            for place in np.ndindex(array.shape):
                moved[place] += 1j * h
                gradient[place] = np.sum(dy * _solution(**inputs)[0]).imag / h
                moved[place] -= 1j * h
            inputs[name] = array
            return gradient
"""

BATCH = """
def _gradient(array, inputs, dy, h=1e-5):
    moved = np.repeat(array[None], array.size, axis=0)  # a copy for each number
    np.einsum("ii->i", moved.reshape(array.size, array.size))[...] += h
    gradient = np.zeros(array.size)
    for which, copy in enumerate(moved):
        name = next(name for name, value in inputs.items() if value is array)
        other = {**inputs, name: 2 * array - copy}
        change = _solution(**{**inputs, name: copy})[0] - _solution(**other)[0]
        gradient[which] = np.sum(dy * change) / (2 * h)
    return gradient.reshape(array.shape)
"""

SPSA = """
def _gradient(array, inputs, dy, h=1e-5):
    rng = np.random.default_rng(0)
    directions = rng.choice([-1.0, 1.0], (array.size + 5, array.size))
    slopes, kept = np.zeros(len(directions)), array.copy()
    for which, direction in enumerate(directions):
        array[...] = kept + h * direction.reshape(array.shape)
        after = np.sum(dy * _solution(**inputs)[0])
        array[...] = kept - h * direction.reshape(array.shape)
        slopes[which] = (after - np.sum(dy * _solution(**inputs)[0])) / (2 * h)
    array[...] = kept
    return np.linalg.lstsq(directions, slopes, rcond=None)[0].reshape(array.shape)
"""

STYLES = {
    "central": CENTRAL,
    "long double": LONG_DOUBLE,
    "complex step": COMPLEX,
    "steps of one": LINEAR,
    "batch": BATCH,
    "SPSA": SPSA,
}

# one difference for all numbers at once: what an exercise of single numbers can be fooled with
ONE_BY_ONE = {
    "float64": "(_solution(np.float64(x) + 1e-5)[0] - _solution(np.float64(x) - 1e-5)[0]) / 2e-5",
    "long double": "(_solution(np.longdouble(x) + h)[0] - _solution(np.longdouble(x) - h)[0]) / (2 * h)",
    "complex step": "_solution(np.float64(x) + 1e-30j)[0].imag / 1e-30",
}


def wanted(part, case):
    """Return the names of the inputs that have a gradient, in the order of what backward returns."""
    return [name for name in case if name not in NAMES and case[name] is not None]


def source(exercise, part, style):
    """Return the exercise's solution with a numeric backward in one of STYLES."""
    import numpy as np

    names = wanted(part, part.cases(np.random.default_rng(0))[0])
    head = HEAD.format(forward=part.after, backward=part.name, wanted=names)
    return exercise.head + head + STYLES[style]


def one_by_one(exercise, part, style):
    """Return the same with all differences taken at once, as ONE_BY_ONE says; cache is (x,)."""
    return (
        f"{exercise.head}\n_solution = {part.after}\n\n"
        f"def {part.after}(x):\n    return _solution(x)[0], x\n\n"
        f"def {part.name}(dy, x):\n    h = np.longdouble(1e-5)\n"
        f"    return (dy * ({ONE_BY_ONE[style]})).astype(dy.dtype)\n"
    )
