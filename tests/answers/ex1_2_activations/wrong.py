"""Wrong answers, made from right ones in other styles: (file, text, what stands in its place, diagnosis).

The diagnosis "" means that nothing may be claimed: the mistake is in no catalogue.
"""

WRONG = [
    (
        "loops.py",
        "if x[index] > 0:\n            dx",
        "if dy[index] > 0:\n            dx",
        "mask from the wrong tensor",
    ),
    ("loops.py", "if x[index] > 0:\n            dx", "if True:\n            dx", "mask forgotten"),
    ("loops.py", "dx[index] = dy[index]\n", "dx[index] = 1\n", "mask without dy"),
    ("loops.py", "y[index] = x[index]", "y[index] = 1", "step in place of ReLU"),
    ("loops.py", "if number >= 0:", "if True:", ""),  # Python's exp raises OverflowError
    ("loops.py", "y[index] * (1 - y[index])", "y[index] * (y[index] - 1)", "wrong sign"),
    ("loops.py", "dy[index] * y[index] * (1", "dy[index] * 2 * y[index] * (1", "twice the derivative"),
    ("loops.py", "return y, [y]", "return y, [x]", "x in place of y"),
    (
        "loops.py",
        "    dx = np.zeros_like(dy)\n    for index in np.ndindex(y",
        "    dx = dy\n    for index in np.ndindex(y",
        "input modified in place",
    ),
    ("textbook.py", "x * (x > 0)", "np.maximum(x, 0.1 * x)", "leaky ReLU with slope 0.1"),
    ("textbook.py", "x * (x > 0)", "np.maximum(x, 0.01 * x)", "leaky ReLU"),
    ("textbook.py", "<= 0] = 0", "> 0] = 0", "mask the wrong way round"),
    ("textbook.py", "dout.copy()", "dout", "input modified in place"),
    (
        "textbook.py",
        "    return dout * (out",
        "    dout *= out\n    return dout * (out",
        "input modified in place",
    ),
    ("textbook.py", "np.exp(-x)", "np.exp(x)", "sign of the exponent"),
    ("textbook.py", "np.exp(-x)", "np.exp(-np.clip(x, -20, 20))", "x cut off at 20"),
    ("textbook.py", "out - out**2", "1 - out**2", "derivative of tanh"),
    ("textbook.py", "(out - out**2)", "out", "1 - y forgotten"),
    ("textbook.py", "1.0 / (1.0 + np.exp(-x))", "np.exp(x) / (np.exp(x) + 1.0)", "exp(x) overflows"),
    ("exp_of_minus_abs.py", "sign=np.sign(x)", "sign=x - 1", "threshold of 1 in backward"),
    ("exp_of_minus_abs.py", "dy, 0)", "np.abs(dy), 0)", ""),
    ("exp_of_minus_abs.py", "dy, 0)", "np.maximum(dy, 0), 0)", "negative gradients dropped too"),
    (
        "exp_of_minus_abs.py",
        "np.where(cache.sign > 0, dy, 0)",
        "np.where(cache.sign > 0, dy, 0).astype(np.float64)",
        "dtype not kept",
    ),
    (
        "textbook.py",
        'return out, {"out": out}',
        'out = out.astype(np.float32).astype(x.dtype)\n    return out, {"out": out}',
        "computed in float32",
    ),
    (
        "exp_of_minus_abs.py",
        "z = np.exp(-np.abs(cache.x))",
        "z = np.exp(-cache.x)",
        "exp(-x) overflows",
    ),
    (
        "exp_of_minus_abs.py",
        "z = np.exp(-np.abs(cache.x))",
        "z = np.exp(cache.x)",
        "exp(x) overflows",
    ),
    ("exp_of_minus_abs.py", "return dy * z", "return z", "sigmoid's derivative without dy"),
    ("exp_of_minus_abs.py", "Memory(x=x)", "setattr(Memory, 'x', x) or Memory", "value of another call"),
    ("logarithms.py", "dy, cache.mask)", "dy, last.mask)", ""),  # raises NameError
    ("logarithms.py", "return two.up, two", "return two.up, Two(two.up, two.up)", "y squared alone"),
    ("logarithms.py", "return two.up, two", "return two.down, two", "sign of the exponent"),
    ("loops.py", "1 / (1 + math.exp(-number))", "1 / (1 - math.exp(-number))", ""),
    (
        "loops.py",
        "math.exp(number) / (1 + math.exp(number))",
        "math.exp(number)",
        "denominator forgotten where x is negative",
    ),
    ("textbook.py", "x * (x > 0)", "x * (x < 0)", "minimum in place of maximum"),
    ("textbook.py", "x * (x > 0)", "np.abs(x)", "absolute value"),
    ("textbook.py", "out - out**2", "out + out**2", "1 + y in place of 1 - y"),
    ("textbook.py", "out - out**2", "out**2 - out", "wrong sign"),
    (
        "textbook.py",
        "1.0 / (1.0 + np.exp(-x))",
        "1.0 / 1.0 + np.exp(-x)",
        "parentheses around the denominator missing",
    ),
    ("exp_of_minus_abs.py", "np.where(x >= 0, 1, z) / (1 + z)", "1 / (1 + z)", "sigmoid of |x|"),
    ("exp_of_minus_abs.py", "(1 + z) ** 2", "(1 + z)", "square of a denominator with |x| missing"),
    ("exp_of_minus_abs.py", "cache.sign > 0, dy, 0", "cache.sign > 0, dy, -dy", "sign in place of the mask"),
]
