"""The cells of the lessons, as pages in the browser run them."""

import ast

from minires.lesson import asking, library


def lessons():
    """Return {stem of its file: {"cells": [...]}} of every lesson, each question in a cell of its own.

    A cell has its "kind" (see `asking.kind`), its "source", and the number of "questions" that it asks.
    """
    return {lesson.path.stem: {"cells": cells(lesson)} for lesson in library.lessons()}


def cells(lesson):
    """Return the cells of code of one lesson."""
    found = []
    for cell in lesson.cells:
        for kind, source, _ in () if cell.is_text else asking.parts(cell.source):
            questions = len(asking.calls(ast.parse(source))) if kind in ("predict", "quiz") else 0
            found.append({"kind": kind, "source": source, "questions": questions})
    return found
