"""How a class did: which functions are right, and what is most often wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from minires.plot.style import COLOUR, HATCHES, check_some, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LETTERS = 46  # of one line of a label


def class_summary(
    reached: Mapping[str, int], diagnoses: Mapping[str, int], *, students: int, title: str = ""
) -> Figure:
    """Draw a bar for every function, and below one for every frequent diagnosis.

    Parameters
    ----------
    reached
        {function: number of students whose function is right}
    diagnoses
        {what is wrong: number of students}, the most frequent first; may be empty.
    students
        How many there are.

    Raises
    ------
    ValueError
        Without a function.
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


def _wrapped(counts: Mapping[str, int]) -> dict[str, int]:
    return {textwrap.fill(name, LETTERS, break_on_hyphens=False): count for name, count in counts.items()}


def _draw(axes: Axes, counts: Mapping[str, int], students: int, hatch: str) -> None:
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
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    tidy(axes, grid="x")
