"""Exercise 4.2: From one box to another.

A detector does not predict a box, but the way to it from a box that is there already (an anchor, a proposal):
the source. With centres (x, y) and sides (w, h), s for the source and d for the destination, that way is

    tx = (xd - xs) / ws        tw = log(wd / ws)
    ty = (yd - ys) / hs        th = log(hd / hs)

log is the natural logarithm. So a large and a small object that lie in the same way in their sources have the
same four numbers: the move counts in sides of the source, and twice as wide is log 2 whatever the width. For
the way back, solve for the destination: wd = ws * exp(tw).

Two things make it work in training. The four numbers are small, mostly below 1, so they are divided by their
typical sizes, stds, for instance (0.1, 0.1, 0.2, 0.2); the network learns the quotients, and its answers must
be multiplied by stds. And a network that has learned nothing yet may say tw = 100, but exp(100) pixels are
too many: on the way back tw and th, already multiplied by stds, are cut at LARGEST, so no side grows to more
than 62.5 times what it was.

Boxes are (x1, y1, x2, y2) as in exercise 4.1; all have x1 < x2 and y1 < y2.
"""

import math

import numpy as np

LARGEST = math.log(1000 / 16)


def centres_and_sides(boxes):
    """Return the centres and the sides of boxes, in the order x, y and width, height.

    boxes: (N, 4). centres, sides: (N, 2), with the dtype of boxes.

    >>> centres, sides = centres_and_sides(np.array([[2.0, 3.0, 12.0, 23.0]]))
    >>> centres
    array([[ 7., 13.]])
    >>> sides
    array([[10., 20.]])
    """
    # solution
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2] + sides / 2, sides
    # end of solution


def encode(sources, destinations, *, stds):
    """Return the offsets (tx, ty, tw, th) from each source to its destination, divided by stds.

    sources, destinations: (N, 4), row n to row n; stds: (4,). offsets: (N, 4), with the dtype of sources.

    >>> source, destination = np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([[2.0, 3.0, 12.0, 23.0]])
    >>> encode(source, destination, stds=np.ones(4)).round(4)
    array([[0.2   , 0.8   , 0.    , 0.6931]])
    >>> encode(source, destination, stds=np.array([0.1, 0.1, 0.2, 0.2])).round(4)
    array([[2.    , 8.    , 0.    , 3.4657]])
    """
    # solution
    (here, sides), (there, wanted) = centres_and_sides(sources), centres_and_sides(destinations)
    shift = (there - here) / sides  # tx, ty
    growth = np.log(wanted / sides)  # tw, th
    return np.concatenate([shift, growth], axis=1) / stds
    # end of solution


def decode(sources, offsets, *, stds):
    """Return the boxes to which the offsets lead: encode undone, with tw and th cut at LARGEST.

    sources: (N, 4); offsets: (N, 4), divided by stds; stds: (4,). boxes: (N, 4), with the dtype of sources.

    >>> source = np.array([[0.0, 0.0, 10.0, 10.0]])
    >>> decode(source, np.array([[0.2, 0.8, 0.0, np.log(2.0)]]), stds=np.ones(4)).round(6)
    array([[ 2.,  3., 12., 23.]])
    >>> decode(source, np.array([[0.0, 0.0, 0.0, 1000.0]]), stds=np.ones(4)).round(6)
    array([[   0. , -307.5,   10. ,  317.5]])
    """
    # solution
    offsets = offsets * stds
    here, sides = centres_and_sides(sources)
    there = here + offsets[:, :2] * sides
    half = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST)) / 2
    return np.concatenate([there - half, there + half], axis=1)
    # end of solution


# Nothing from here on is handed out.

from minires.course.parts import Mistake, Part

LESSON = 24
PLAIN, USUAL = np.ones(4), np.array([0.1, 0.1, 0.2, 0.2])


def drawn(rng, count):
    """Return boxes none of which is nearly square."""
    corner = rng.uniform(0, 20, (count, 2)).round(1)
    sides = np.stack([rng.uniform(3, 9, count), rng.uniform(11, 30, count)], axis=1).round(1)
    sides = np.where(rng.random((count, 1)) < 0.5, sides, sides[:, ::-1])
    return np.concatenate([corner, corner + sides], axis=1)


def box_cases(rng):
    """Return one box with whole numbers, and drawn ones."""
    return [{"boxes": np.array([[2.0, 1.0, 6.0, 9.0]])}, *({"boxes": drawn(rng, n)} for n in (2, 5))]


def encode_cases(rng):
    """Return sources and destinations, with and without stds, the simplest first."""
    first = {
        "sources": np.array([[0.0, 0.0, 10.0, 20.0]]),
        "destinations": np.array([[4.0, 2.0, 24.0, 12.0]]),
        "stds": PLAIN,
    }
    pairs = [(1, PLAIN), (3, PLAIN), (2, USUAL), (6, np.array([0.1, 0.3, 0.2, 0.5]))]
    drawings = [{"sources": drawn(rng, n), "destinations": drawn(rng, n), "stds": stds} for n, stds in pairs]
    return [first, *drawings]


def decode_cases(rng):
    """Return offsets of every size; in two cases some that are to be cut, by much and by little."""
    first = {
        "sources": np.array([[0.0, 0.0, 10.0, 20.0]]),
        "offsets": np.array([[0.5, -0.25, 1.0, -1.0]]),
        "stds": PLAIN,
    }
    cases = [first]
    for n, stds in [(1, PLAIN), (3, PLAIN), (2, USUAL), (6, np.array([0.1, 0.3, 0.2, 0.5]))]:
        offsets = rng.uniform(0.2, 1.5, (n, 4)) * rng.choice([-1.0, 1.0], (n, 4)) / stds
        cases.append({"sources": drawn(rng, n), "offsets": offsets.round(2), "stds": stds})
    cases[2]["offsets"][1, 2:] = 4.5, 70.0
    cases[2]["offsets"][2] = 6.0, -0.5, 0.4, -5.0  # a move is not cut, and nothing is cut from below
    cases[3]["offsets"][0, 2:] = 24.0, 12.0  # times 0.2: the first is to be cut, the second is not
    return cases


PARTS = [
    Part(
        "centres_and_sides",
        returns=("centres", "sides"),
        cases=box_cases,
        hints=(
            "x and y are treated alike: take the first two numbers of every box at once, and the last two.",
            "w = x2 - x1, and the centre lies half of it to the right of x1.",
            "boxes[:, 2:] - boxes[:, :2] are the sides, width first. boxes[:, :2] is the upper left corner: "
            "half the sides lead from there to the centre.",
        ),
    ),
    Part(
        "encode",
        returns=("offsets",),
        cases=encode_cases,
        hints=(
            "Centres and sides of both boxes first; after that there is one line for each formula.",
            "The move is measured in sides of the source, (xd - xs) / ws; the growth is the logarithm of a "
            "quotient, log(wd / ws).",
            "With (N, 2) arrays both axes are done at once: tx, ty from the centres, tw, th from the sides. "
            "np.concatenate along axis 1 makes (N, 4) of them, which is divided by stds at the very end.",
        ),
    ),
    Part(
        "decode",
        returns=("boxes",),
        cases=decode_cases,
        points=2,
        hints=(
            "Undo the steps of encode, the last one first: so it begins with stds.",
            "xd = xs + tx * ws, and wd = ws * exp(tw). The edges lie half a side to the left and right of "
            "the centre.",
            "Multiply all offsets by stds; np.minimum(offsets[:, 2:], LARGEST) before np.exp; the move "
            "counts in the source's sides, not in the new ones. Then centre minus half, centre plus half.",
        ),
    ),
]

CENTRES = "return boxes[:, :2] + sides / 2, sides"
SIDES = "sides = boxes[:, 2:] - boxes[:, :2]"
SHIFT = "shift = (there - here) / sides"
GROWTH = "growth = np.log(wanted / sides)"
ENCODED = "return np.concatenate([shift, growth], axis=1) / stds"
SCALED = "offsets = offsets * stds"
MOVED = "there = here + offsets[:, :2] * sides"
HALF = "half = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST)) / 2"
EDGES = "return np.concatenate([there - half, there + half], axis=1)"

MISTAKES = [
    Mistake(
        "log of the difference",
        GROWTH,
        "growth = np.log(wanted - sides)",
        "The logarithm of the difference of the sides was taken, which does not exist where the "
        "destination is the smaller one. It is the logarithm of their quotient (or the difference of their "
        "logarithms).",
    ),
    Mistake(
        "log of the distance",
        GROWTH,
        "growth = np.log(np.abs(wanted - sides))",
        "The logarithm of the difference of the sides was taken, and abs hides where it does not exist: from "
        "it nobody can tell whether a box should grow or shrink. It is the logarithm of the quotient.",
    ),
    Mistake(
        "no logarithm",
        GROWTH,
        "growth = (wanted - sides) / sides",
        "tw and th are the relative differences of the sides. They are the first term of the logarithm, "
        "but not it: half as wide and twice as wide should differ in the sign alone.",
    ),
    Mistake(
        "quotient without logarithm",
        GROWTH,
        "growth = wanted / sides",
        "tw and th are the quotients themselves; their logarithm is asked for.",
    ),
    Mistake(
        "quotient upside down",
        GROWTH,
        "growth = np.log(sides / wanted)",
        "The source stands above the line, so a box that should grow has a negative tw.",
    ),
    Mistake(
        "logarithm of base 2",
        GROWTH,
        "growth = np.log2(wanted / sides)",
        "This is the logarithm of base 2. Natural ones belong to the exp of the way back.",
    ),
    Mistake(
        "logarithm of base 10",
        GROWTH,
        "growth = np.log10(wanted / sides)",
        "This is the logarithm of base 10. Natural ones belong to the exp of the way back.",
    ),
    Mistake(
        "move in pixels",
        SHIFT,
        "shift = there - here",
        "tx and ty are pixels. Divided by the source's sides they are the same for small objects and for "
        "large ones, and a network can learn them.",
    ),
    Mistake(
        "move in sides of the destination",
        SHIFT,
        "shift = (there - here) / wanted",
        "tx and ty were divided by the sides of the destination, which nobody knows when the detector is "
        "used. The source's sides are known.",
    ),
    Mistake(
        "move the wrong way",
        SHIFT,
        "shift = (here - there) / sides",
        "tx and ty lead from the destination back to the source.",
    ),
    Mistake(
        "width for both directions",
        SHIFT,
        "shift = (there - here) / sides[:, :1]",
        "Both moves were divided by the width; ty counts in heights.",
    ),
    Mistake(
        "move of the corner",
        SHIFT,
        "shift = (destinations[:, :2] - sources[:, :2]) / sides",
        "tx and ty are the moves of the upper left corner. A box that grows without moving should have "
        "tx = ty = 0: take the centres.",
    ),
    Mistake(
        "stds forgotten in encode",
        ENCODED,
        "return np.concatenate([shift, growth], axis=1)",
        "The offsets were not divided by stds.",
    ),
    Mistake(
        "multiplied by stds in encode",
        ENCODED,
        "return np.concatenate([shift, growth], axis=1) * stds",
        "The offsets are small, and became smaller still. They are divided by their typical sizes, so that "
        "they come out at about 1.",
    ),
    Mistake(
        "stds forgotten in decode",
        SCALED,
        "offsets = offsets * 1",
        "The network learned offsets that had been divided by stds, and its answers must be multiplied by "
        "them: without that boxes move five or ten times too far.",
    ),
    Mistake(
        "divided by stds in decode",
        SCALED,
        "offsets = offsets / stds",
        "encode divides by stds, so decode multiplies.",
    ),
    Mistake(
        "not cut",
        HALF,
        "half = sides * np.exp(offsets[:, 2:]) / 2",
        "A large tw or th was taken at its word: at 800 the side is infinite. Cut both at LARGEST before "
        "the exp.",
    ),
    Mistake(
        "cut before stds",
        f"{SCALED}\n    here, sides = centres_and_sides(sources)\n    {MOVED}\n    {HALF}",
        "here, sides = centres_and_sides(sources)\n    there = here + offsets[:, :2] * stds[:2] * sides\n"
        "    half = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST) * stds[2:]) / 2",
        "tw and th were cut while they were still divided by stds. LARGEST is a limit for the logarithm of "
        "the growth itself.",
    ),
    Mistake(
        "move cut too",
        f"{SCALED}\n",
        "offsets = np.minimum(offsets * stds, LARGEST)\n",
        "tx and ty were cut as well. Only tw and th go through exp, and only they are cut at LARGEST.",
    ),
    Mistake(
        "cut from below too",
        HALF,
        "half = sides * np.exp(np.clip(offsets[:, 2:], -LARGEST, LARGEST)) / 2",
        "tw and th were also kept above -LARGEST. A large negative one does no harm, its exp is nearly 0; "
        "only upwards are they cut.",
    ),
    Mistake(
        "no exp",
        HALF,
        "half = sides * np.minimum(offsets[:, 2:], LARGEST) / 2",
        "The sides were multiplied by tw and th themselves, so a box that should keep its size has none.",
    ),
    Mistake(
        "1 + tw for exp",
        HALF,
        "half = sides * (1 + np.minimum(offsets[:, 2:], LARGEST)) / 2",
        "1 + tw is near exp(tw) only where tw is small; for tw < -1 the box turns inside out.",
    ),
    Mistake(
        "exp of base 2",
        HALF,
        "half = sides * np.exp2(np.minimum(offsets[:, 2:], LARGEST)) / 2",
        "2 ** tw undoes a logarithm of base 2. encode takes the natural one.",
    ),
    Mistake(
        "whole sides to both edges",
        HALF,
        "half = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST))",
        "The boxes are twice as wide and high: an edge lies half a side away from the centre.",
    ),
    Mistake(
        "centre taken for the corner",
        EDGES,
        "return np.concatenate([there, there + 2 * half], axis=1)",
        "The new centre was returned as the upper left corner, so all boxes lie half a side too far right "
        "and down.",
    ),
    Mistake(
        "centre and sides returned",
        EDGES,
        "return np.concatenate([there, 2 * half], axis=1)",
        "These are x, y, width and height. Four edges are asked for.",
    ),
    Mistake(
        "move of the corner in decode",
        f"{MOVED}\n    {HALF}\n    {EDGES}",
        "there = sources[:, :2] + offsets[:, :2] * sides\n"
        "    new = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST))\n"
        "    return np.concatenate([there, there + new], axis=1)",
        "tx and ty moved the upper left corner. They are moves of the centre, from which the new box "
        "reaches half a side to either side.",
    ),
    Mistake(
        "move in new sides",
        f"{MOVED}\n    {HALF}",
        "half = sides * np.exp(np.minimum(offsets[:, 2:], LARGEST)) / 2\n"
        "    there = here + offsets[:, :2] * half * 2",
        "The move was measured in sides that had grown already. encode measured it in the source's.",
    ),
    Mistake(
        "move in pixels in decode",
        MOVED,
        "there = here + offsets[:, :2]",
        "tx and ty were added as pixels. They count in sides of the source.",
    ),
    Mistake(
        "source's centre forgotten",
        MOVED,
        "there = offsets[:, :2] * sides",
        "The move was taken for the place: it begins at the source's centre.",
    ),
    Mistake(
        "source and destination exchanged",
        "(here, sides), (there, wanted) = centres_and_sides(sources), centres_and_sides(destinations)",
        "(here, sides), (there, wanted) = centres_and_sides(destinations), centres_and_sides(sources)",
        "The offsets lead from the destination to the source, measured in the destination's sides.",
    ),
    Mistake(
        "width and height of the source exchanged",
        SHIFT,
        "shift = (there - here) / sides[:, ::-1]",
        "tx was divided by the height and ty by the width.",
    ),
    Mistake(
        "height for both directions",
        SHIFT,
        "shift = (there - here) / sides[:, 1:]",
        "Both moves were divided by the height; tx counts in widths.",
    ),
    Mistake(
        "move in half sides",
        SHIFT,
        "shift = (there - here) / (sides / 2)",
        "The moves were divided by half the sides; they count in whole ones.",
    ),
    Mistake(
        "move multiplied by the sides",
        SHIFT,
        "shift = (there - here) * sides",
        "The moves were multiplied by the source's sides; they are divided by them.",
    ),
    Mistake(
        "centres not subtracted",
        SHIFT,
        "shift = there / sides",
        "tx and ty are the destination's place, not the move to it: the source's centre is to be subtracted.",
    ),
    Mistake(
        "from the source's corner",
        SHIFT,
        "shift = (there - sources[:, :2]) / sides",
        "The move was measured from the source's upper left corner to the destination's centre. It "
        "leads from centre to centre.",
    ),
    Mistake(
        "to the destination's corner",
        SHIFT,
        "shift = (destinations[:, :2] - here) / sides",
        "The move was measured from the source's centre to the destination's upper left corner. It "
        "leads from centre to centre.",
    ),
    Mistake(
        "absolute moves",
        SHIFT,
        "shift = np.abs(there - here) / sides",
        "The moves have lost their sign, so nobody can tell left from right.",
    ),
    Mistake(
        "move divided by both sides",
        SHIFT,
        "shift = (there - here) / np.sqrt(sides * wanted)",
        "The moves were divided by the geometric mean of both boxes' sides. They count in sides of "
        "the source.",
    ),
    Mistake(
        "logarithm of the move too",
        SHIFT,
        "shift = np.log(np.abs((there - here) / sides))",
        "The logarithm of tx and ty was taken too. Only the sides have one.",
    ),
    Mistake(
        "logarithm of the destination's sides alone",
        GROWTH,
        "growth = np.log(wanted)",
        "The source's sides are missing in tw and th: it is the logarithm of the quotient.",
    ),
    Mistake(
        "quotient of the logarithms",
        GROWTH,
        "growth = np.log(wanted) / np.log(sides)",
        "The logarithms were divided. It is the logarithm of the quotient (or the difference of the "
        "logarithms).",
    ),
    Mistake(
        "sum of the logarithms",
        GROWTH,
        "growth = np.log(wanted) + np.log(sides)",
        "The logarithms were added. The logarithm of a quotient is their difference.",
    ),
    Mistake(
        "logarithm of the quotient plus 1",
        GROWTH,
        "growth = np.log1p(wanted / sides)",
        "1 was added under the logarithm (np.log1p does that). A box that keeps its size should have tw = 0.",
    ),
    Mistake(
        "difference of the sides",
        GROWTH,
        "growth = wanted - sides",
        "tw and th are the differences of the sides in pixels. It is the logarithm of their quotient.",
    ),
    Mistake(
        "exp in place of the logarithm",
        GROWTH,
        "growth = np.exp(wanted / sides)",
        "exp belongs to the way back; here the logarithm is asked for.",
    ),
    Mistake(
        "growth of the area",
        GROWTH,
        "growth = np.log(np.prod(wanted, axis=1) / np.prod(sides, axis=1))[:, None] + 0 * sides",
        "Both numbers are the growth of the area. Width and height have one each.",
    ),
    Mistake(
        "tw and th exchanged",
        ENCODED,
        "return np.concatenate([shift, growth[:, ::-1]], axis=1) / stds",
        "The growth of the height comes before that of the width.",
    ),
    Mistake(
        "order tw, th, tx, ty",
        ENCODED,
        "return np.concatenate([growth, shift], axis=1) / stds",
        "The growth comes before the move. The order is tx, ty, tw, th.",
    ),
    Mistake(
        "order tx, tw, ty, th",
        ENCODED,
        "return np.stack([shift[:, 0], growth[:, 0], shift[:, 1], growth[:, 1]], axis=1) / stds",
        "The order is tx, tw, ty, th. Both moves come first, then both growths.",
    ),
    Mistake(
        "order ty, tx, th, tw",
        ENCODED,
        "return np.concatenate([shift[:, ::-1], growth[:, ::-1]], axis=1) / stds",
        "y comes before x. The order is tx, ty, tw, th.",
    ),
    Mistake(
        "stds on the moves alone",
        ENCODED,
        "return np.concatenate([shift / stds[:2], growth], axis=1)",
        "tw and th were not divided by stds.",
    ),
    Mistake(
        "stds on the growth alone",
        ENCODED,
        "return np.concatenate([shift, growth / stds[2:]], axis=1)",
        "tx and ty were not divided by stds.",
    ),
    Mistake(
        "stds under the logarithm",
        f"{GROWTH}  # tw, th\n    {ENCODED}",
        "growth = np.log(wanted / sides / stds[2:])\n"
        "    return np.concatenate([shift / stds[:2], growth], axis=1)",
        "The sides were divided by stds before the logarithm was taken. It is tw and th themselves "
        "that are divided.",
    ),
    Mistake(
        "the first of stds for all",
        ENCODED,
        "return np.concatenate([shift, growth], axis=1) / stds[0]",
        "All four numbers were divided by the first of stds. Each has its own.",
    ),
    Mistake(
        "stds turned around",
        ENCODED,
        "return np.concatenate([shift, growth], axis=1) / stds[::-1]",
        "The numbers were divided by stds in the reversed order.",
    ),
    Mistake(
        "stds subtracted",
        ENCODED,
        "return np.concatenate([shift, growth], axis=1) - stds",
        "stds was subtracted; the numbers are divided by it.",
    ),
    Mistake(
        "joined along the wrong axis",
        ENCODED,
        "return np.concatenate([shift, growth], axis=0) / stds[:2]",
        "Moves and growths stand below each other. Each box has four numbers in one row: axis 1.",
    ),
    Mistake(
        "stds on the moves alone in decode",
        SCALED,
        "offsets = np.concatenate([offsets[:, :2] * stds[:2], offsets[:, 2:]], axis=1)",
        "tw and th were not multiplied by stds.",
    ),
    Mistake(
        "stds on the growth alone in decode",
        SCALED,
        "offsets = np.concatenate([offsets[:, :2], offsets[:, 2:] * stds[2:]], axis=1)",
        "tx and ty were not multiplied by stds.",
    ),
    Mistake(
        "the first of stds for all in decode",
        SCALED,
        "offsets = offsets * stds[0]",
        "All four numbers were multiplied by the first of stds. Each has its own.",
    ),
    Mistake(
        "stds turned around in decode",
        SCALED,
        "offsets = offsets * stds[::-1]",
        "The numbers were multiplied by stds in the reversed order.",
    ),
    Mistake(
        "move the wrong way in decode",
        MOVED,
        "there = here - offsets[:, :2] * sides",
        "The move was subtracted from the source's centre; it is added.",
    ),
    Mistake(
        "move divided by the sides",
        MOVED,
        "there = here + offsets[:, :2] / sides",
        "The move was divided by the source's sides. encode divided, so decode multiplies.",
    ),
    Mistake(
        "width for both directions in decode",
        MOVED,
        "there = here + offsets[:, :2] * sides[:, :1]",
        "Both moves were multiplied by the width; ty counts in heights.",
    ),
    Mistake(
        "width and height exchanged in decode",
        MOVED,
        "there = here + offsets[:, :2] * sides[:, ::-1]",
        "tx was multiplied by the height and ty by the width.",
    ),
    Mistake(
        "not moved",
        MOVED,
        "there = here",
        "tx and ty were not used: all boxes stay where their source is.",
    ),
    Mistake(
        "corner and whole sides",
        MOVED,
        "there = sources[:, :2] + offsets[:, :2] * sides",
        "The move begins at the source's upper left corner. It begins at its centre.",
    ),
    Mistake(
        "move in half sides in decode",
        MOVED,
        "there = here + offsets[:, :2] / 2 * sides",
        "The move was multiplied by half the sides; it counts in whole ones.",
    ),
    Mistake(
        "not grown",
        HALF,
        "half = sides / 2",
        "tw and th were not used: all boxes keep the sides of their source.",
    ),
    Mistake(
        "sides of the source forgotten",
        HALF,
        "half = np.exp(np.minimum(offsets[:, 2:], LARGEST)) / 2 + 0 * sides",
        "exp(tw) was taken for the side itself. It is the factor by which the source's side grows.",
    ),
    Mistake(
        "divided by exp",
        HALF,
        "half = sides / np.exp(np.minimum(offsets[:, 2:], LARGEST)) / 2",
        "The sides were divided by exp(tw), so boxes shrink that should grow.",
    ),
    Mistake(
        "exp of the product",
        HALF,
        "half = np.exp(np.minimum(sides * offsets[:, 2:], LARGEST)) / 2",
        "tw was multiplied by the side before exp. wd = ws * exp(tw).",
    ),
    Mistake(
        "cut after exp",
        HALF,
        "half = sides * np.minimum(np.exp(offsets[:, 2:]), LARGEST) / 2",
        "exp(tw) was cut at LARGEST. LARGEST is a limit for tw itself; exp(LARGEST) = 62.5.",
    ),
    Mistake(
        "cut from the wrong side",
        HALF,
        "half = sides * np.exp(np.maximum(offsets[:, 2:], LARGEST)) / 2",
        "Small tw and th were raised to LARGEST, and large ones left. np.minimum cuts large ones.",
    ),
    Mistake(
        "side cut at LARGEST",
        HALF,
        "half = np.minimum(sides * np.exp(offsets[:, 2:]), LARGEST) / 2",
        "The new sides were cut at LARGEST. LARGEST is a limit for tw and th.",
    ),
    Mistake(
        "cut at 62.5",
        HALF,
        "half = sides * np.exp(np.minimum(offsets[:, 2:], 1000 / 16)) / 2",
        "tw and th were cut at 62.5. That is the largest growth, and its logarithm is LARGEST.",
    ),
    Mistake(
        "only the width cut",
        HALF,
        "half = sides * np.exp(np.minimum(offsets[:, 2:], [[LARGEST, np.inf]]).astype(sides.dtype)) / 2",
        "Only tw was cut at LARGEST; th is cut too.",
    ),
    Mistake(
        "only the height cut",
        HALF,
        "half = sides * np.exp(np.minimum(offsets[:, 2:], [[np.inf, LARGEST]]).astype(sides.dtype)) / 2",
        "Only th was cut at LARGEST; tw is cut too.",
    ),
    Mistake(
        "tw and th exchanged in decode",
        HALF,
        "half = sides * np.exp(np.minimum(offsets[:, :1:-1], LARGEST)) / 2",
        "The width grew by th and the height by tw.",
    ),
    Mistake(
        "centre taken for the lower right corner",
        EDGES,
        "return np.concatenate([there - 2 * half, there], axis=1)",
        "The new centre was returned as the lower right corner, so all boxes lie half a side too far "
        "left and up.",
    ),
    Mistake(
        "order x1, x2, y1, y2",
        EDGES,
        "return np.stack([there - half, there + half], axis=2).reshape(-1, 4)",
        "The edges come in the order x1, x2, y1, y2. A box is (x1, y1, x2, y2).",
    ),
    Mistake(
        "corners exchanged",
        EDGES,
        "return np.concatenate([there + half, there - half], axis=1)",
        "The lower right corner comes before the upper left one.",
    ),
    Mistake(
        "1 subtracted at the right and lower edge",
        EDGES,
        "return np.concatenate([there - half, there + half - 1], axis=1)",
        "1 was taken off the right and the lower edge, as in programs that number the pixels. Edges "
        "lie between the pixels.",
    ),
    Mistake(
        "edges cut at 0",
        EDGES,
        "return np.concatenate([np.maximum(there - half, 0), np.maximum(there + half, 0)], axis=1)",
        "Edges below 0 were cut to 0. A box may reach beyond the image here.",
    ),
    Mistake(
        "quarter sides to both edges",
        EDGES,
        "return np.concatenate([there - half / 2, there + half / 2], axis=1)",
        "The boxes are half as wide and high as they should be: an edge lies half a side away from "
        "the centre.",
    ),
    Mistake(
        "move the wrong way in x alone",
        SHIFT,
        SHIFT + "\n    shift[:, 0] *= -1",
        "tx leads from the destination back to the source.",
    ),
    Mistake(
        "move in sides of the destination in x alone",
        SHIFT,
        SHIFT + "\n    shift[:, 0] *= sides[:, 0] / wanted[:, 0]",
        "tx was divided by the destination's side; it counts in sides of the source.",
    ),
    Mistake(
        "quotient upside down in x alone",
        GROWTH,
        GROWTH + "\n    growth[:, 0] *= -1",
        "In tw the source stands above the line, so a box that should grow has a negative one.",
    ),
    Mistake(
        "quotient without logarithm in x alone",
        GROWTH,
        GROWTH + "\n    growth[:, 0] = np.exp(growth[:, 0])",
        "tw is the quotient itself; its logarithm is asked for.",
    ),
    Mistake(
        "log of the distance in x alone",
        GROWTH,
        GROWTH + "\n    growth[:, 0] = np.log(np.abs(wanted - sides)[:, 0])",
        "In tw the logarithm of the difference of the sides was taken. It is the logarithm of the quotient.",
    ),
    Mistake(
        "growth of the other side in x",
        GROWTH,
        GROWTH + "\n    growth[:, 0] = growth[:, 1]",
        "tw is the growth of the other side.",
    ),
    Mistake(
        "move the wrong way in y alone",
        SHIFT,
        SHIFT + "\n    shift[:, 1] *= -1",
        "ty leads from the destination back to the source.",
    ),
    Mistake(
        "move in sides of the destination in y alone",
        SHIFT,
        SHIFT + "\n    shift[:, 1] *= sides[:, 1] / wanted[:, 1]",
        "ty was divided by the destination's side; it counts in sides of the source.",
    ),
    Mistake(
        "quotient upside down in y alone",
        GROWTH,
        GROWTH + "\n    growth[:, 1] *= -1",
        "In th the source stands above the line, so a box that should grow has a negative one.",
    ),
    Mistake(
        "quotient without logarithm in y alone",
        GROWTH,
        GROWTH + "\n    growth[:, 1] = np.exp(growth[:, 1])",
        "th is the quotient itself; its logarithm is asked for.",
    ),
    Mistake(
        "log of the distance in y alone",
        GROWTH,
        GROWTH + "\n    growth[:, 1] = np.log(np.abs(wanted - sides)[:, 1])",
        "In th the logarithm of the difference of the sides was taken. It is the logarithm of the quotient.",
    ),
    Mistake(
        "growth of the other side in y",
        GROWTH,
        GROWTH + "\n    growth[:, 1] = growth[:, 0]",
        "th is the growth of the other side.",
    ),
    # last, for wrong centres make what follows wrong too
    Mistake(
        "+ 1 left in",
        SIDES,
        "sides = boxes[:, 2:] - boxes[:, :2] + 1",
        "Every side is one too long, as in programs that number the pixels. Here the numbers are edges, and "
        "nothing is to be added.",
    ),
    Mistake(
        "corner in place of the centre",
        CENTRES,
        "return boxes[:, :2], sides",
        "These are the upper left corners. The centre lies half a side further, in x and in y.",
    ),
    Mistake(
        "centre not halved",
        CENTRES,
        "return boxes[:, :2] + boxes[:, 2:], sides",
        "The two edges were added, but their mean is half of that.",
    ),
    Mistake(
        "half the sides as the centre",
        CENTRES,
        "return sides / 2, sides",
        "Half the sides is where the centre lies as seen from the box's own corner. It must be added to the "
        "corner's place in the image.",
    ),
    Mistake(
        "half sides",
        CENTRES,
        "return boxes[:, :2] + sides / 2, sides / 2",
        "These are half the sides. Width and height themselves are asked for.",
    ),
    Mistake(
        "height before width",
        CENTRES,
        "return boxes[:, :2] + sides / 2, sides[:, ::-1]",
        "The sides come as height, width. Width comes first, as x comes before y.",
    ),
    Mistake(
        "y before x",
        f"{SIDES}\n    {CENTRES}",
        "boxes = boxes[:, [1, 0, 3, 2]]\n    sides = boxes[:, 2:] - boxes[:, :2]\n"
        "    return boxes[:, :2] + sides / 2, sides",
        "Height comes before width, and y before x. Boxes are (x1, y1, x2, y2): x comes first, unlike in "
        "an array's axes.",
    ),
    Mistake(
        "centre on the other side of the corner",
        CENTRES,
        "return boxes[:, :2] - sides / 2, sides",
        "Half the sides was subtracted from the upper left corner. The centre lies to the right of "
        "it and below.",
    ),
    Mistake(
        "half a side beyond the lower right corner",
        CENTRES,
        "return boxes[:, 2:] + sides / 2, sides",
        "Half the sides was added to the lower right corner, which lies half a side beyond the "
        "centre already.",
    ),
    Mistake(
        "lower right corner in place of the centre",
        CENTRES,
        "return boxes[:, 2:], sides",
        "These are the lower right corners, a whole side from the upper left ones. Half a side leads to the "
        "centre.",
    ),
    Mistake(
        "centre rounded down",
        CENTRES,
        "return (boxes[:, :2] + boxes[:, 2:]) // 2, sides",
        "The centres were rounded down: // leaves whole numbers only.",
    ),
    Mistake(
        "half the sides rounded down",
        CENTRES,
        "return boxes[:, :2] + sides // 2, sides",
        "Half of the sides was rounded down: // leaves whole numbers only.",
    ),
    Mistake(
        "left edge minus right edge",
        SIDES,
        "sides = boxes[:, :2] - boxes[:, 2:]",
        "The sides are negative: the last edge comes first in the difference.",
    ),
    Mistake(
        "sum of the edges for the sides",
        SIDES,
        "sides = boxes[:, 2:] + boxes[:, :2]",
        "The two edges were added; a side is their difference.",
    ),
    Mistake(
        "last two numbers for the sides",
        f"{SIDES}\n    {CENTRES}",
        "sides = boxes[:, 2:]\n    return boxes[:, :2] + sides / 2, sides",
        "The last two numbers of a box were taken for its width and height. They are its right and "
        "lower edge.",
    ),
    Mistake(
        "read as x1, x2, y1, y2",
        f"{SIDES}\n    {CENTRES}",
        "sides = boxes[:, 1::2] - boxes[:, ::2]\n    return boxes[:, ::2] + sides / 2, sides",
        "The numbers of a box were taken in the order x1, x2, y1, y2. First come the two of the "
        "upper left corner.",
    ),
    Mistake(
        "sides and centres exchanged",
        CENTRES,
        "return sides, sides / 2 + boxes[:, :2]",
        "The two values are each other's: first the centres, then the sides.",
    ),
]
