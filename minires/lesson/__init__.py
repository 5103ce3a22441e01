"""What the scripts in lessons/ call: what they ask, how long they may take, their tables, their figures.

    from minires import lesson

    halved = lesson.predict("By what does one ReLU layer multiply the variance?")
    steps = 20 if lesson.setting() == "fast" else 300
    lesson.table(("", "predicted", "derived", "measured"), ("variance ratio", halved, 0.5, ratio))
    lesson.show(plot.lines(...))
    lesson.quiz("What does /2 mean?", ("a stride of 2", "..."), ("half the filters", "..."))
    lesson.score()

The rest of this package lists the lessons, runs them cell by cell and turns them into notebooks.
"""

from minires.lesson.display import setting, show, table
from minires.lesson.reader import predict, quiz, score

__all__ = ["predict", "quiz", "score", "setting", "show", "table"]
