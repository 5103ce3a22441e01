"""How training went: errors over epochs and iterations, train dashed and test solid, as in the papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from minires.plot.style import COLOUR, STYLES, check_some, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# label, key of the metrics, line style, width: told apart without colours, as in the papers
CURVES = (
    ("train", "train_error", (0, (5, 2)), 1.2),
    ("validation", "validation_error", (0, (1, 1)), 1.6),
    ("test", "test_error", "solid", 2.0),
)
LABELLED_POINTS = 20  # epochs up to which every point is marked


class Run(Protocol):
    """What is drawn of a training run, such as an `experiments.Run`."""

    def curve(self, measure: str) -> tuple[Sequence[int], Sequence[float]]:
        """Return the iterations and the measure's value at each, such as "test_error"."""


def curves(metrics: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw the errors over the epochs, the learning curves: train dashed, test solid, validation dotted.

    Parameters
    ----------
    metrics
        The records of `Trainer.run`, or the lines of metrics.jsonl, at least one.

    Raises
    ------
    ValueError
        Without a record.

    References
    ----------
    As figure 6 of He et al. 2015 (arXiv:1512.03385), the axis ends where the errors of most epochs can be
    told apart; those of the first may lie above it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    check_some("metrics", metrics, "epoch")
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    epochs = [record["epoch"] for record in metrics]
    for label, key, style, width in CURVES:
        if key in metrics[0]:
            errors = [100 * record[key] for record in metrics]
            axes.plot(
                epochs,
                errors,
                linestyle=style,
                linewidth=width,
                color=COLOUR,
                marker="o" if len(metrics) <= LABELLED_POINTS else None,
                markersize=3 + width,
                markerfacecolor=COLOUR if style == "solid" else "white",
                label=f"{label}, {errors[-1]:.2f} % at the end",
            )
    top = _top(metrics)
    axes.set(title=title, xlabel=_label(metrics[-1]), ylabel="error (%)", ylim=(-0.02 * top, top))
    axes.set_xlim(0, 1.02 * epochs[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    axes.legend(frameon=False, loc="best")
    return figure


def _label(record: Mapping[str, float]) -> str:
    """Return the label of the epoch axis, from which the papers' iterations follow."""
    return f"epoch ({record['step'] // record['epoch']} iterations each)"


def _top(metrics: Sequence[Mapping[str, float]]) -> float:
    """Return where the error axis ends, in %: the highest seventh of each curve may lie above."""
    highest = 5.0  # below, single images would look like catastrophes
    for _, key, _, _ in CURVES:
        errors = sorted(100 * record[key] for record in metrics if key in record)
        highest = max([highest, *errors[: len(errors) - len(errors) // 7]])
    return min(100, 1.15 * highest)


def runs(
    runs: Mapping[str, Sequence[Run]],
    *,
    measures: Sequence[str] = ("train_error", "test_error"),
    apart: bool = False,
    ylabel: str = "error (%)",
    title: str = "",
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw an experiment: one panel, a pair of lines for each network.

    Parameters
    ----------
    runs
        {network: [experiments.Run of each seed]}, at least one. With several seeds the line is their mean and
        the shade reaches from the least to the largest.
    measures
        Of `Run.curve`; one that begins with "train" is drawn dashed, others solid; errors are shown in %.
    apart
        Each measure in a panel of its own.

    Raises
    ------
    ValueError
        Without a network.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), figure 6.
    """
    check_some("runs", runs, "network")
    groups = [[measure] for measure in measures] if apart else [measures]
    width = 4.4 * len(groups) if apart else 7.2
    figure, panels = sheet(len(groups), width=width, height=4.4, sharey=True)
    for axes, group in zip(panels, groups, strict=True):
        for (arm, seeds), style in zip(runs.items(), STYLES * len(runs), strict=False):
            for measure in group:
                label = f"{arm}, {measure.partition('_')[0]}" if len(measures) > 1 else arm
                _draw_run(axes, seeds, measure, style, label=label)
        axes.set(xlabel="iteration", ylim=ylim)
        tidy(axes)
        if apart:
            axes.legend(frameon=False, fontsize=9, loc="upper right")
    panels[0].set_ylabel(ylabel)
    if apart:
        figure.suptitle(title)
    else:
        panels[0].set_title(title)
        panels[0].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def run_panels(
    runs: Mapping[str, Sequence[Run]],
    *,
    reference: str,
    columns: int = 3,
    titles: Mapping[str, str] | None = None,
    measures: Sequence[str] = ("train_error", "test_error"),
    ylabel: str = "error (%)",
    title: str = "",
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw an experiment with a panel for each network but one, which is grey in all of them.

    Parameters
    ----------
    runs
        {network: [experiments.Run of each seed]}
    reference
        The network to compare with.
    columns
        Panels side by side.
    titles
        {network: title of its panel}, its name where there is none.
    measures, ylabel, title, ylim
        As for `runs`.

    Raises
    ------
    ValueError
        Without the reference or without another.

    References
    ----------
    He et al. 2016 (arXiv:1603.05027), figure 3.
    """
    arms = [arm for arm in runs if arm != reference]
    if reference not in runs or not arms:
        raise ValueError(f"runs: expected {reference!r} and others, got {', '.join(runs) or 'none'}")
    rows = -(-len(arms) // columns)
    figure, panels = sheet(
        columns, rows=rows, width=min(11, 3.6 * columns), height=2.7 * rows + 0.9, sharex=True, sharey=True
    )
    grey = {"color": "0.6", "marker": None}
    for i, (axes, arm) in enumerate(zip(panels, arms, strict=False)):
        for name, style in ((reference, grey), (arm, STYLES[0])):
            for measure in measures:
                label = f"{reference if name == reference else 'this network'}, {measure.partition('_')[0]}"
                _draw_run(axes, runs[name], measure, style, label=label)
        axes.set_title((titles or {}).get(arm, arm), fontsize=10)
        axes.set(ylim=ylim)
        if i >= len(arms) - columns:
            axes.set_xlabel("iteration")
            axes.tick_params(labelbottom=True)
        tidy(axes)
    for axes in panels[len(arms) :]:
        axes.remove()
    for axes in panels[: len(arms) : columns]:
        axes.set_ylabel(ylabel)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title)
    return figure


def _draw_run(axes: Axes, seeds: Sequence[Run], measure: str, style: dict[str, Any], *, label: str) -> None:
    """Draw one measure of one network: dashed and thin if it is of the training, the mean of its seeds."""
    train = measure.startswith("train")
    factor = 100 if measure.endswith("error") else 1
    steps = seeds[0].curve(measure)[0]
    values = factor * np.array([run.curve(measure)[1] for run in seeds])
    axes.plot(
        steps,
        values.mean(axis=0),
        color=style["color"],
        linestyle=(0, (5, 2)) if train else "solid",
        linewidth=1.2 if train else 2,
        marker=style["marker"],
        markevery=max(1, len(steps) // 8),
        markersize=5,
        markerfacecolor="white" if train else style["color"],
        label=label,
    )
    if len(seeds) > 1:
        shade = values.min(axis=0), values.max(axis=0)
        axes.fill_between(steps, *shade, color=style["color"], alpha=0.13, linewidth=0)
