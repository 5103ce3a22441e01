"""What the pages in the browser are about: the cells of the lessons, and the exercises."""

import ast

from minires.course.exercise import exercises
from minires.lesson import asking, library


def lessons():
    """Return {stem of its file: {"cells": [...]}} of every lesson, each question in a cell of its own.

    A cell has its "kind" (see `asking.kind`), its "source", what a notebook shows of it ("shown"), and the
    number of "predictions" that it asks for.
    """
    return {lesson.path.stem: {"cells": cells(lesson)} for lesson in library.lessons()}


def cells(lesson):
    """Return the cells of code of one lesson."""
    found = []
    for cell in lesson.cells:
        for kind, source, _ in () if cell.is_text else asking.parts(cell.source):
            shown = asking.with_a_blank(source) if kind == "predict" else source
            predictions = len(asking.predictions(ast.parse(source)))
            found.append({"kind": kind, "source": source, "shown": shown, "predictions": predictions})
    return found


def assignments():
    """Return {number: what its page needs} of every exercise."""
    return {
        exercise.number: {
            "assignment": exercise.assignment,
            "module": exercise.module,
            "title": exercise.title,
            "starter": exercise.starter,
        }
        for exercise in exercises()
    }
