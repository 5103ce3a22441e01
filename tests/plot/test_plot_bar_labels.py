"""Names under bars: they stand upright as long as their lines fit side by side."""

from minires import plot


def turned(names):
    axes = plot.bars(dict.fromkeys(names, 1.0), ylabel="y").axes[0]
    return {label.get_rotation() for label in axes.get_xticklabels()}


def test_names_are_turned_only_if_their_longest_lines_do_not_fit_side_by_side():
    assert turned([f"forward pass\nfan {number}" for number in range(5)]) == {0}  # 12 characters wide each
    assert turned([f"forward pass, fan {number}" for number in range(5)]) == {35}  # 19 each
