"""No lesson rests on two sums of floats being equal: another processor adds in another order, or rounds a
product and a sum at once, and the last bit differs. So every equality in a lesson is plainly one of whole
numbers, or it stands below under the reason why it holds on every processor."""

import ast

import pytest
from test_lessons import PATHS

WHOLE = {"params", "macs", "output_bytes", "nbytes", "shape", "name", "kind"}  # attributes
# lesson number: the reason, and the equalities that it holds for
REASONS = {
    1: {
        "counts": {
            "by_letter == 385941928",
            "counted == 72855552",
            "derived == measured",
            "found == WIDTHS",
            "params == 23296",
            "shapes['pool5'] == (512, 6, 6)",
            "neurons[0] == 55 * 55 * 96",
            "neurons[1:] == [186624, 64896, 64896, 43264, 4096, 4096, 1000]",
        },
    },
    2: {
        "an index": {"i == 0"},
        "truth values": {"np.array_equal(changed, expected)", "np.array_equal(seen, expected)"},
        "the same operation, and the same numbers where nothing changed": {
            "pair.forward(impulse, train=True)[0] != y"
        },
        "products with 0 add up to 0": {"dx != 0"},
    },
    3: {
        "counts": {"RES_RULE == 115605504", "rule == 1849688064"},
        "one division of whole numbers": {
            "exceptions == fractions",
            "first == (1 / 2 if number else 1)",
            "max(others) == min(others) == 1",
            "outputs == 1 / 8",
            "weights == 64",
        },
    },
    4: {
        "counts": {
            "channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024]",
            "dense == [123642856, 1025000]",
            "flat == 50177000",
            "macs[0] == 163328 * 28 ** 2",
            "naive_channels[-1] == 4944",
            "naive_macs[0] == 387072 * 28 ** 2",
        },
        "no gradient arrives there: zeros that nothing was added to": {"head[:, 3:] == 0"},
    },
    5: {"an index": {"step % EVERY == 0"}, "a setting": {"size == 60"}},
    6: {"names": {"name == asked"}},
    8: {"an index": {"number == DEPTH"}},
    9: {"an index": {"epoch == 3"}},
    10: {
        "counts": {"layers(deep['plain-8']) == layers(deep['ResNet-8']) == 20"},
        "x * 1 and products with 0": {"inserted(positive) == positive", "inserted(signed) == signed"},
        "adding 0 changes no bit, and the same operation on the same bits follows": {
            "in_eval['plain-4'] == in_train['plain-4'] == 0",
            "in_eval['ResNet-8'] == in_train['ResNet-8'] == 0",
        },
    },
    11: {"published numbers, which are read": {"falling == sorted(falling, reverse=True)"}},
    12: {
        "with weights of 0 a branch is 0, and adding 0 changes no bit": {
            "block.predict(a) == a",
            "block.predict(x) == x",
        },
        "fractions of which none or all count": {
            "fractions['plain'] == of_positive['plain'] == 0",
            "fractions['pre-activation'] == 1",
            "of_positive['residual'] == 1",
        },
    },
    13: {
        "blank pixels": {"x_train.max(axis=0) == 0", "blank.sum() == 3"},
        "the branch has shrunk to 1e-36 of x: adding it changes no bit": {"block.predict(x) == x"},
    },
    14: {
        "counts": {
            "(weights(basic), basic.params) == (73728, 73984)",
            "(weights(bottleneck), bottleneck.params) == (69632, 70400)",
            "at_size[224] == 4 ** 2 * at_size[MAP]",
            "counted == list(DEPTHS)",
            "depth == 34",
            "derived == (0, 173824, 1092992, 2776576)",
            "flat == derived",
            "kinds == {'VGG-19': [3, 2], 'ResNet-34': [1, 0]}",
            "macs['3x3'] - macs['1x1'] == stages * 3 * 28 ** 2 * 256 * 128 == 231211008",
            "measured == derived",
            "stem[-1].output == (C, 224 // 4, 224 // 4)",
            "weights(wide) == 1179648",
        },
        "whole numbers that divide": {
            "[table.macs / MAP ** 2 / C ** 2 for table in (basic, bottleneck, wide)] == [18, 17, 288]"
        },
        "numbers that are moved": {
            "appended.ravel().tolist() == [1, 10, 0, 0]",
            "both_sides.ravel().tolist() == [0, 1, 10, 0]",
        },
        "a quarter of small whole numbers": {"averaged.ravel().tolist() == [2.5, 25, 0, 0]"},
        "products with 0 add up to 0": {"dx != 0"},
        "a fraction of 64 pixels": {
            "list(seen_past.values()) == [25, 25, 25, 100]",
            "seen == {'1x1': 25, '3x3': 100}",
        },
    },
    15: {"an index": {"n == UNITS"}},
    16: {"a setting": {"f == 0.5", "f == 0.9"}},
    17: {"counts": {"found_worse == 5"}},
    19: {
        "counts": {"moving == [0, 0]", "rank == WIDTH"},
        "names": {"first == second_layers"},
        "with weights of 0 a branch is 0, and adding 0 changes no bit": {"np.array_equal(net.predict(x), x)"},
    },
    20: {
        "with weights of 0 or gamma 0 a branch and its gradient are 0, and adding 0 changes no bit": {
            "np.array_equal(dx, dy)",
            "np.array_equal(y, x)",
        },
    },
    21: {
        "counts": {
            "(depth == 54).sum() == 0",
            "counted[0] == part.sum() * BLOCK + always",  # quarters of a multiple of 4
            "depth == 54",
        },
        "a closed branch is multiplied by 0, and adding 0 changes no bit": {
            "dx == dy",
            "half.forward(x, train=True)[0] == x",
            "largest == 0",
            "y == x",
        },
        "truth values": {"patterns == {(True,) * 4, (False,) * 4}"},
    },
    22: {
        "counts": {
            "resnet_fc == (2048 + 1) * 1000",
            "row.output[1] == size",
            "vgg_fc == derived_fc == 123642856",
        },
        "rounded": {"(deep, vgg16, vgg19) == (11.3, 15.5, 19.6)"},
    },
    23: {
        "counts": {"count == 5", "moved == 0"},
        "labels": {"labels == c"},
        "what is frozen is not touched": {"array.tobytes() != after[name].tobytes()"},
        "pixels that are moved": {"np.array_equal(ten_crops(mirror, CROP)[0], crops[EXCHANGED])"},
    },
    24: {
        "counts": {
            "head_of_one == 1024 * 128 + 128 * 51",
            "of_crops == 125 * of_image",
            "of_rpn == by_hand",
        },
        "a largest number is one of those there were, here whole ones": {"set(steps['max']) == {0.0, 1.0}"},
        "labels": {"found.labels == label"},
    },
    26: {
        "labels": {
            "nothing == test_pixels",
            "test_pixels != VOID",
            "test_pixels == 0",
            "test_pixels == VOID",
            "true[:, None] == np.arange(CLASSES)[:, None, None]",
        },
    },
}


def is_equality(node):
    if isinstance(node, ast.Compare):
        return any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("array_equal")


def is_seen_to_be_whole(value):
    """Whether an expression is plainly a text, what `round` returned, or a count that nothing divides."""
    match value:
        case ast.Constant():
            return isinstance(value.value, str)  # not a number: a float may stand on the other side
        case ast.Attribute():
            return value.attr in WHOLE
        case ast.Call(ast.Name("len"), [ast.Set() | ast.SetComp()]):
            return False  # a set compares what is put in
        case ast.Call(ast.Name("len" | "round")) | ast.Call(ast.Attribute(attr="argmax")):
            return True
        case ast.Subscript():
            return is_seen_to_be_whole(value.value)
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Pow(), right):
            return is_seen_to_be_whole(left) or is_seen_to_be_whole(right)
        case ast.List(values) | ast.Tuple(values):
            return all(map(is_seen_to_be_whole, values))
        case ast.ListComp(each):
            return is_seen_to_be_whole(each)
    return False


def equalities(source):
    """Return the equalities of a source, as text, of which no side is seen to be whole."""
    found = [node for node in ast.walk(ast.parse(source)) if is_equality(node)]
    sides = [[node.left, *node.comparators] if isinstance(node, ast.Compare) else node.args for node in found]
    return {
        ast.unparse(node)
        for node, both in zip(found, sides, strict=True)
        if not any(map(is_seen_to_be_whole, both))
    }


@pytest.mark.parametrize("number", PATHS)
def test_every_equality_of_a_lesson_holds_on_every_processor(number):
    listed = set().union(*REASONS.get(number, {}).values())
    found = equalities(PATHS[number].read_text(encoding="utf-8"))
    assert found - listed == set(), "give a tolerance, or list them under the reason why they are exact"
    assert listed - found == set(), "no longer in the lesson"


@pytest.mark.parametrize(
    "source",
    [
        'assert amplification[safe] == 1, "a quotient of two sums"',
        "assert max(differences) == 0",
        "assert (zero_g == 1).all() and abs(zero_x - 1).max() < 1e-6",
        "assert len({seen[name][measure] for name in of_stage1}) == 1",
        "assert table.macs / other.macs == 0.72",
        "same = np.array_equal(one, other)",
        "unmoved = before.tobytes() == after.tobytes()",
        "assert found == {'a quotient': 0.5}",
    ],
)
def test_equalities_of_floats_are_found(source):
    assert len(equalities(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "assert table.macs == 25 * other.macs and y.shape == (1, 2)",
        "assert round(quotient, 1) == 3.3",
        "assert names == ['conv1', 'fc6']",
        "assert abs(amplification[safe] - 1) <= 1e-12",
        "right = (logits.argmax(axis=1) == labels).mean()",
    ],
)
def test_equalities_of_whole_numbers_and_texts_need_no_reason(source):
    assert equalities(source) == set()
