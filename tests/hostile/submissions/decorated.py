"""Right, by classes, closures and decorators.

points: 3
line: right
"""


def twice(function):
    def inner(*arguments, **named):
        function(*arguments, **named)
        return function(*arguments, **named)

    return inner


class Forward:
    def __call__(self, x, weight, bias):
        return x @ weight.T + bias, {"x": x, "weight": weight, "me": self}


linear_forward = twice(Forward())
linear_backward = lambda dy, cache: (dy @ cache["weight"], dy.T @ cache["x"], dy.sum(axis=0))  # noqa: E731
