"""The template of a new exercise: small, complete and right, with a remark wherever the author goes on."""

import keyword
import pathlib
import re

from minires.course.exercise import FILES, exercises

TODO = "TODO"  # marks what an author has to replace

EXERCISE = '''\
"""Exercise {number}: {title}.

TODO: say in a few sentences what is to be computed, with the formula and what its letters mean:

    y[n, i] = factor * x[n, i]

The first line must stay as it is, "Exercise A.B: Its title.", with the number of the file's name.
"""

import numpy as np


# Up to the line "Nothing from here on is handed out" this file is what the student gets. What stands between
# "# solution" and "# end of solution" is replaced by an error that says where to write. NumPy and the
# standard library are all that can be imported here. TODO: delete this remark: students would read it.


def {name}_forward(x, factor):
    """Return y, as above, and a cache with what backward will need.

    x: (N, I); factor: a number. y: like x.

    The example is run by minires exercise verify, which compares what it prints:

    >>> y, cache = {name}_forward(np.array([[1.0, 2.0]]), 3.0)
    >>> y
    array([[3., 6.]])
    """
    # solution
    y = factor * x
    cache = (factor,)
    return y, cache
    # end of solution


def {name}_backward(dy, cache):
    """Return dx, the loss's gradient with respect to x.

    dy: like y, the gradient of the loss with respect to y; cache: of {name}_forward.

    >>> y, cache = {name}_forward(np.array([[1.0, 2.0]]), 3.0)
    >>> {name}_backward(np.array([[1.0, 10.0]]), cache)
    array([[ 3., 30.]])
    """
    # solution
    (factor,) = cache
    dx = factor * dy
    return dx
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 0  # TODO: the number of the lesson to which it belongs: minires lesson list


def cases(rng):
    """Return the inputs, {{argument: value}}, on which the functions are tried.

    All random numbers come from rng. TODO: think of a batch of one, shapes of which no two sides are equal,
    and of whatever could go wrong: zeros, equal values, both signs.
    """
    shapes = [(1, 1), (1, 3), (4, 2), (3, 5)]
    return [{{"x": rng.standard_normal(shape), "factor": float(rng.uniform(0.1, 3))}} for shape in shapes]


# The functions in the order in which they are written. returns: the names of what each returns; "cache" is
# the student's own affair and not compared. after: the forward whose cache a backward takes; its dy is drawn.
# hints: the idea, the formula, the step; one more is shown each time that the student asks.
PARTS = [
    Part(
        "{name}_forward",
        returns=("y", "cache"),
        cases=cases,
        points=1,
        hints=(
            "TODO: the idea, in one sentence.",
            "TODO: the formula.",
            "TODO: the last step before the code.",
        ),
    ),
    Part(
        "{name}_backward",
        after="{name}_forward",
        returns=("dx",),
        cases=cases,
        points=2,
        hints=(
            "TODO: the idea, in one sentence.",
            "TODO: the formula.",
            "TODO: the last step before the code.",
        ),
    ),
]

# What students get wrong: a name; a text that stands exactly once in the solution; what the mistaken student
# wrote there; and what to tell him, without giving the line away. The check runs the solution with this edit,
# and names the mistake only to a student whose numbers are the same.
MISTAKES = [
    Mistake(
        "factor forgotten",
        "dx = factor * dy",
        "dx = dy * 1",
        "dx is dy itself. y moves by factor when x moves by 1.",  # TODO
    ),
]
'''

ANSWER = '''\
"""A right answer to exercise {number} in another style. TODO: write the functions as a student might, with
loops say: minires exercise verify tries every file in this folder, and the check must find all of them right.
"""

import numpy as np


def {name}_forward(x, factor):
    y = np.empty_like(x)
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] * factor
    return y, factor


def {name}_backward(dy, cache):
    return dy * cache
'''


def write(name, to, number=None):
    """Write the template of an exercise and of an answer to it; return their paths.

    name: of its topic, such as "leaky_relu"; number: such as "5.1" (None: the first that is free). Raises
    ValueError for another name or number, or if there is such a file already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ValueError(f"expected a name of small letters, digits and _, such as leaky_relu, got {name!r}")
    to = pathlib.Path(to)
    if to.exists() and not to.is_dir():
        raise ValueError(f"--to: expected a folder, {to} is a file: give another name")
    number = number or _free(to)
    if not re.fullmatch(r"[1-9]\.[1-9]", number):
        raise ValueError(
            f"--number: expected two digits such as 5.1, the assignment and the exercise, got {number!r}"
        )
    module = f"ex{number.replace('.', '_')}_{name}"
    taken = sorted(to.glob(f"ex{number.replace('.', '_')}_*.py"))
    if taken:
        raise ValueError(f"{taken[0]} exists: give another --number")
    paths = [to / f"{module}.py", to / "answers" / module / "loops.py"]
    for path, text in zip(paths, (EXERCISE, ANSWER), strict=True):
        if path.exists():
            raise ValueError(f"{path} exists: move it away, or give another --number")
        path.parent.mkdir(parents=True, exist_ok=True)
        title = name.replace("_", " ").capitalize()
        path.write_text(text.format(number=number, name=name, title=title), encoding="utf-8", newline="\n")
    return paths


def _free(to):
    """Return the number after the last one in a folder, else that of the first assignment not in use."""
    own = sorted((int(path.name[2]), int(path.name[4])) for path in to.glob(FILES))
    if own:
        assignment, exercise = own[-1]
        return f"{assignment}.{exercise + 1}" if exercise < 9 else f"{assignment + 1}.1"
    return f"{max(each.assignment for each in exercises()) + 1}.1"
