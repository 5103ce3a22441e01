"""What the scripts in lessons/ call: how long they may take, their tables, their figures.

    from minires import lesson

    steps = 20 if lesson.setting() == "fast" else 300
    lesson.table(("", "predicted", "derived", "measured"), ("variance ratio", prediction, 0.5, ratio))
    lesson.show(plot.lines(...))

The rest of this package lists the lessons, runs them cell by cell and turns them into notebooks and pages.
"""

from minires.lesson.display import setting, show, table

__all__ = ["setting", "show", "table"]
