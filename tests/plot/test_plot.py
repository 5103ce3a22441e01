"""The curves look as in the papers, can be read without colours, and drawing leaves no trace."""

import io
import subprocess
import sys

import numpy as np
import pytest

from minires import experiments, plot


def records(errors, **more):
    """Return metrics of these test errors, with train errors half as large and more: {name: factor}."""
    factors = {"test": 1.0, "train": 0.5, **more}
    return [
        {"epoch": i + 1, "step": 391 * (i + 1), **{f"{name}_error": f * e for name, f in factors.items()}}
        for i, e in enumerate(errors)
    ]


def curves(figure):
    return {line.get_label().split(",")[0]: line for line in figure.axes[0].lines}


def test_train_is_dashed_and_test_solid_and_both_are_percentages():
    lines = curves(plot.curves(records([0.5, 0.25])))
    assert list(lines) == ["train", "test"]
    assert lines["test"].get_ydata().tolist() == [50, 25] and lines["test"].get_xdata().tolist() == [1, 2]
    assert lines["test"].get_linestyle() == "-" and lines["train"].get_linestyle() == "--"
    assert lines["test"].get_linewidth() > lines["train"].get_linewidth()


def test_validation_has_a_line_of_its_own_that_differs_without_colours():
    lines = curves(plot.curves(records([0.5, 0.25], validation=1.1)))
    styles = {(str(line._dash_pattern), line.get_linewidth()) for line in lines.values()}
    assert set(lines) == {"train", "validation", "test"} and len(styles) == 3


def test_the_legend_says_what_the_errors_were_at_the_end():
    legend = plot.curves(records([0.5, 0.0834])).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "train, 4.17 % at the end",
        "test, 8.34 % at the end",
    ]


def test_the_axes_are_named_and_the_first_epochs_do_not_squeeze_the_rest():
    figure = plot.curves(records([0.9] * 3 + [0.08] * 40), title="resnet20 on cifar10")
    axes = figure.axes[0]
    assert (axes.get_title(), axes.get_ylabel()) == ("resnet20 on cifar10", "error (%)")
    assert axes.get_xlabel() == "epoch (391 iterations each)"
    bottom, top = axes.get_ylim()
    assert bottom < 0 and 8 < top < 12


@pytest.mark.parametrize("errors", [[0.4], [0.0, 0.0], [1.0, 1.0], [0.5] * 200])
def test_every_run_can_be_drawn(errors):
    image = io.BytesIO()
    figure = plot.curves(records(errors))
    figure.savefig(image, format="png", dpi=40)
    assert image.getvalue().startswith(b"\x89PNG")
    bottom, top = figure.axes[0].get_ylim()
    assert bottom < 100 * np.median(errors) <= top


def test_a_single_epoch_is_seen_as_a_point():
    assert all(line.get_marker() == "o" for line in plot.curves(records([0.4])).axes[0].lines)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="at least one epoch"):
        plot.curves([])


def test_matplotlib_is_loaded_only_to_draw_and_pyplot_never():
    code = (
        "import sys, minires.cli, minires.plot\n"
        "assert not {'matplotlib', 'cupy', 'tqdm', 'PIL'} & set(sys.modules)\n"
        "minires.plot.curves([{'epoch': 1, 'step': 1, 'train_error': 0.5, 'test_error': 0.5}])\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def stored_run(arm, seed, *errors):
    evaluations = [
        {"step": 10 * (i + 1), "train_error": e / 2, "test_error": e, "test_loss": 3 * e}
        for i, e in enumerate(errors)
    ]
    return experiments.Run(experiment="e", setting="s", arm=arm, seed=seed, evaluations=evaluations)


def test_runs_are_means_of_their_seeds_with_shades_train_dashed_and_test_solid():
    runs = {
        "a": [stored_run("a", 0, 0.5, 0.25), stored_run("a", 1, 0.7, 0.75)],
        "b": [stored_run("b", 0, 0.5, 0.5)],
    }
    (axes,) = plot.runs(runs, ylim=(0, 60)).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["a, train", "a, test", "b, train", "b, test"]
    assert lines["a, test"].get_xdata().tolist() == [10, 20]
    assert lines["a, test"].get_ydata() == pytest.approx([60, 50])
    assert lines["a, train"].is_dashed() and not lines["a, test"].is_dashed()
    assert lines["a, test"].get_marker() != lines["b, test"].get_marker()  # told apart without colours
    train, test = (shade.get_paths()[0].vertices[:, 1] for shade in axes.collections)
    assert (train.min(), train.max()) == pytest.approx((12.5, 37.5)) and test.min() == pytest.approx(25)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    assert axes.get_ylim() == (0, 60)


def test_a_loss_is_no_percentage():
    (axes,) = plot.runs({"a": [stored_run("a", 0, 0.5, 0.25)]}, measures=("test_loss",)).axes
    assert axes.lines[0].get_ydata().tolist() == [1.5, 0.75] and axes.lines[0].get_label() == "a"
