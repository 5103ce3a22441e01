"""A right answer is right however its arrays lie in memory: transposed, with gaps, read-only, backwards."""

import numpy as np
import pytest
from test_exercises import EXERCISES, answers, examination

from minires.course import exercise
from minires.course.sandbox import perform
from minires.course.values import UNSEEN


def with_gaps(array):
    wide = np.zeros((*array.shape, 2), array.dtype)[..., 1]
    wide[...] = array
    return wide


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def backwards(array):
    return array[::-1].copy()[::-1] if array.ndim else array


LAYOUTS = (np.asfortranarray, with_gaps, read_only, backwards)


def laid_out(names, given, layout):
    """Return what a function returned, its arrays in another layout, the cache as it was."""
    if len(names) > 1:
        pairs = zip(names, given, strict=True)
        return type(given)(x if name == UNSEEN else laid_out((name,), x, layout) for name, x in pairs)
    if isinstance(given, dict):
        return {key: laid_out(names, value, layout) for key, value in given.items()}
    return layout(given) if isinstance(given, np.ndarray) else given


def with_layout(functions, part, layout):
    """Return the functions, the judged one with another layout of what it returns."""
    judged = functions[part.name]

    def function(*arguments, **named):
        return laid_out(part.returns, judged(*arguments, **named), layout)

    return {**functions, part.name: function}


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("subject", EXERCISES, ids=[e.number for e in EXERCISES])
def test_the_layout_of_what_is_returned_does_not_matter(subject, seed):
    paths = answers(subject)
    for number, path in enumerate(paths):
        functions = vars(exercise.load(path.read_text(encoding="utf-8"), subject.module, subject.sources))
        # the fast test tries one layout of each answer, the slow ones all
        for layout in LAYOUTS if seed else [LAYOUTS[number % len(LAYOUTS)]]:
            for part in subject.parts:
                exam = examination(subject, part, seed)
                changed = with_layout(functions, part, layout)
                verdict = exam.judge(perform.perform(changed, part.call, exam.cases))
                assert verdict.ok, (path.name, layout.__name__, verdict.problem, verdict.detail)
