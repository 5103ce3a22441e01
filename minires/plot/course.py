"""How a class did: which functions are right, and what is most often wrong."""

import textwrap

from minires.plot.style import COLOUR, HATCHES, check_some, sheet, tidy

LETTERS = 46  # of one line of a label


def class_summary(reached, diagnoses, *, students, title=""):
    """Return a Figure with a bar for every function, and below one for every frequent diagnosis.

    reached: {function: number of students whose function is right}; diagnoses: {what is wrong: number of
    students}, the most frequent first, may be empty; students: how many there are.
    Raises ValueError without a function.
    """
    check_some("reached", reached, "function")
    panels = {"functions that are right": reached, "most frequent diagnoses": diagnoses}
    panels = {name: _wrapped(counts) for name, counts in panels.items() if counts}
    lines = [sum(label.count("\n") + 1.6 for label in counts) for counts in panels.values()]
    figure, all_axes = sheet(
        rows=len(panels), width=8.4, height=1.4 + 0.9 * len(panels) + 0.17 * sum(lines), height_ratios=lines
    )
    for axes, (name, counts), hatch in zip(all_axes, panels.items(), HATCHES, strict=False):
        _draw(axes, counts, students, hatch)
        axes.set_title(name, fontsize=11)
    all_axes[-1].set_xlabel(f"number of the {students} students")
    figure.suptitle(title)
    return figure


def _wrapped(counts):
    return {textwrap.fill(name, LETTERS, break_on_hyphens=False): count for name, count in counts.items()}


def _draw(axes, counts, students, hatch):
    """Draw the bars from the top down, a line's height for every line of a label."""
    heights = [label.count("\n") + 1.6 for label in counts]
    centres = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
    drawn = axes.barh(
        centres,
        list(counts.values()),
        1.0,
        facecolor="white" if hatch else COLOUR,
        edgecolor=COLOUR,
        hatch=hatch,
    )
    axes.bar_label(drawn, [str(count) for count in counts.values()], fontsize=9, padding=3)
    axes.set_yticks(centres, list(counts), fontsize=9)
    axes.set_ylim(sum(heights), 0)
    axes.set_xlim(0, students * 1.06)
    axes.xaxis.get_major_locator().set_params(integer=True)
    tidy(axes, grid="x")
