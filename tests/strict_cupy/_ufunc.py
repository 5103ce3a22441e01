"""Element-wise functions and the operators built from them."""

import numpy as np

from ._array import PACKAGE, bind, call, check_operand, count, do, host_index, ndarray, unsupported
from ._names import SECTIONS, signature

OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "divmod": "divmod", "lshift": "left_shift", "rshift": "right_shift",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal", "ne": "not_equal",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


class ufunc:
    """One element-wise function: operands are strict arrays and scalars, keywords out, dtype and casting."""

    __module__ = PACKAGE

    def __init__(self, name, nin, nout, has_at):
        self.name, self.nin, self.nout, self.has_at = name, nin, nout, has_at

    def __repr__(self):
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args, **kwargs):
        extra = set(kwargs) - {"out", "dtype", "casting"}
        if extra:
            raise TypeError(
                f"Wrong arguments {sorted(extra)} for {PACKAGE}.{self.name}: it takes out, dtype, casting"
            )
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}: expected {self.nin}, got {len(args)}"
            )
        for value in args[: self.nin]:
            check_operand(value)
        out = kwargs.get("out")
        for value in (*args[self.nin :], *(out if isinstance(out, tuple) else (out,))):
            if value is not None and not isinstance(value, ndarray):
                raise unsupported(value)
        given = {key: value for key, value in kwargs.items() if value is not None}
        return call(getattr(np, self.name), args, given)

    def _only_for(self, method, *names):
        if self.name not in names:
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        self._only_for("reduce", "add", "multiply")
        reduction = ndarray.sum if self.name == "add" else ndarray.prod
        return reduction(array, axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        self._only_for("accumulate", "add", "multiply")
        scan = ndarray.cumsum if self.name == "add" else ndarray.cumprod
        return scan(array, axis=axis, dtype=dtype, out=out)

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        self._only_for("reduceat", "add")
        return call(np.add.reduceat, (array, indices, axis, dtype, out), {})

    def outer(self, A, B, **kwargs):
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)

    def at(self, a, indices, b=None):
        if not self.has_at:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        check_operand(b)
        index, _ = host_index(indices)
        count("launches")
        do(lambda: getattr(np, self.name).at(a._host, index, b._host if isinstance(b, ndarray) else b))


def make_ufuncs():
    """Return {name: ufunc} for every one that CuPy and NumPy both have."""
    made = {}
    for name, rest in SECTIONS["ufuncs"].items():
        nin, nout, *at = rest.split()
        if hasattr(np, name):
            made[name] = ufunc(name, int(nin), int(nout), bool(at))
    return made


def matmul(*args, **kwargs):
    """Multiply two matrices; `out` only by name. Scalars and NumPy arrays raise TypeError."""
    args, kwargs = bind("matmul", signature(SECTIONS["functions"]["matmul"]), args, kwargs)
    if len(args) != 2:
        raise TypeError(
            f"{PACKAGE}.matmul: expected 2 positional arguments, got {len(args)}; out goes by name"
        )
    for value in args:
        if not isinstance(value, ndarray):
            raise unsupported(value)
    return call(np.matmul, args, {key: value for key, value in kwargs.items() if value is not None})


def give_operators(ufuncs):
    """Set ndarray's operators; there is no `@=` of its own, so it rebinds the name, as with CuPy."""
    for operator, name in (OPERATORS | COMPARISONS).items():
        function = ufuncs[name]
        setattr(ndarray, f"__{operator}__", lambda self, other, f=function: f(self, other))
        if operator in OPERATORS:
            setattr(ndarray, f"__r{operator}__", lambda self, other, f=function: f(other, self))
        if operator in OPERATORS and operator != "divmod":
            setattr(ndarray, f"__i{operator}__", lambda self, other, f=function: f(self, other, out=self))
    for operator, name in UNARY.items():
        setattr(ndarray, f"__{operator}__", lambda self, f=ufuncs[name]: f(self))
    ndarray.__matmul__ = lambda self, other: matmul(self, other)
    ndarray.__rmatmul__ = lambda self, other: matmul(other, self)
