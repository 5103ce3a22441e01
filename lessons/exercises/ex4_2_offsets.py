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
    cases[2]["offsets"][1, 2:] = 4.5, 9.0
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
]
