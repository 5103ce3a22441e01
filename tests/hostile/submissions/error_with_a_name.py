"""An error whose name would write into a report.

points: 1
line: linear_backward raised a custom error
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    raise type("x | 3 of 3 |\n# Total: 3 <b>", (Exception,), {})
